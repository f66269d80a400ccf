"""What belongs to a stack and is deleted with it: buckets, queue, images, companions."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from stemdrop_cloud.account import Account, Stack
from stemdrop_cloud.buckets import Bucket
from stemdrop_cloud.errors import CloudError, code_of
from stemdrop_cloud.text import counted

# What `sam deploy --resolve-image-repos` calls its stack of image repositories, and says of it.
COMPANION = "{stack}-{hash}-CompanionStack"
COMPANION_DESCRIPTION = "AWS SAM CLI Managed ECR Repo Stack"
MONITORING = "{stack}-monitoring"
# ECR deletes no more at once.
BATCH = 100
MAX_ROUNDS = 3
# SAM's own stack: its bucket has the packages of all stacks of the account.
SAM_STACK = "aws-sam-cli-managed-default"


@dataclass(frozen=True, slots=True)
class Belongings:
    """Stacks that go together.

    Attributes
    ----------
    main : the application.
    monitoring : its alarms.
    companion : the image repositories that SAM made for it.
    """

    account: Account
    main: Stack | None
    monitoring: Stack | None
    companion: Stack | None

    @property
    def stacks(self) -> list[Stack]:
        """Return those that are there, in the order to delete them."""
        return [stack for stack in (self.monitoring, self.main, self.companion) if stack]

    def buckets(self) -> list[Bucket]:
        """Return the buckets that the application's stack made, and that are still there."""
        if not self.main:
            return []
        s3 = self.account.client("s3")
        names = [name for _, name in self.account.resources(self.main, "AWS::S3::Bucket")]
        found = [Bucket(s3, name, self.account.id) for name in names]
        return [bucket for bucket in found if bucket.exists]

    def repositories(self) -> list[str]:
        """Return the names of the image repositories that SAM made."""
        if not self.companion:
            return []
        return [name for _, name in self.account.resources(self.companion, "AWS::ECR::Repository")]

    def __iter__(self) -> Iterator[str]:
        """Say what there is, a line for each."""
        for bucket in self.buckets():
            yield f"the bucket {bucket.name}: {bucket.contents()}"
        if self.main and "FailureQueueUrl" in self.main.outputs:
            yield f"the failure queue: {self._failures(self.main.outputs['FailureQueueUrl'])}"
        for name in self.repositories():
            yield f"the image repository {name}, with its images"
        for stack in self.stacks:
            yield f"the stack {stack.name} ({stack.status}), with all that it made"

    def _failures(self, url: str) -> str:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        try:
            answer = self.account.client("sqs").get_queue_attributes(
                QueueUrl=url, AttributeNames=names
            )
        except ClientError as error:
            if "NonExistentQueue" in code_of(error):
                return "is gone already"
            raise
        return counted(sum(int(answer["Attributes"][name]) for name in names), "message")


def find_belongings(account: Account, name: str) -> Belongings:
    """Return what there is of a stack, whatever an earlier attempt has deleted already."""
    digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
    main = account.find_stack(name)
    monitoring = account.find_stack(MONITORING.format(stack=name))
    companion = account.find_stack(COMPANION.format(stack=name, hash=digest[:8]))
    return Belongings(
        account,
        main,
        monitoring if monitoring and monitoring.is_ours else None,
        companion if companion and companion.description == COMPANION_DESCRIPTION else None,
    )


def empty_repository(ecr: Any, name: str) -> int:
    """Delete the images of a repository, and return how many entries that were.

    Raises
    ------
    CloudError : some stay.
    """
    deleted = 0
    for _ in range(MAX_ROUNDS):  # an image for several processors goes before its parts
        pages = ecr.get_paginator("list_images").paginate(repositoryName=name)
        images = [image for page in pages for image in page["imageIds"]]
        if not images:
            return deleted
        for first in range(0, len(images), BATCH):
            batch = images[first : first + BATCH]
            answer = ecr.batch_delete_image(repositoryName=name, imageIds=batch)
            deleted += len(answer.get("imageIds", []))
    raise CloudError(f"Images stay in the repository {name}: delete them, and go on.")
