#!/usr/bin/env bash
# Deletes a stack with all its songs and stems, after asking for its name. It can be run again after a failure.
set -euo pipefail
stack=$1
AWS=${AWS:-aws}
SAM=${SAM:-.venv-sam/bin/sam}

ours=$($AWS cloudformation describe-stacks --stack-name "$stack" --output text --query \
	"Stacks[0].Parameters[?ParameterKey=='SeparateMemoryMb'].ParameterKey")
if [[ -z $ours ]]; then
	echo "The stack $stack isn't stemdrop's: nothing was deleted." >&2
	exit 1
fi
resources=$($AWS cloudformation list-stack-resources --stack-name "$stack" --output text --query \
	"StackResourceSummaries[?ResourceStatus!='DELETE_COMPLETE' && PhysicalResourceId].[ResourceType, PhysicalResourceId]")
buckets=$(awk '$1 == "AWS::S3::Bucket" {print $2}' <<<"$resources")
functions=$(awk '$1 == "AWS::Lambda::Function" {print $2}' <<<"$resources")

echo "This deletes the stack $stack and everything in its buckets:" $buckets
read -rp "Type the name of the stack to continue: " answer || true
if [[ $answer != "$stack" ]]; then
	echo "Nothing was deleted." >&2
	exit 2
fi
# Songs that are still in the queue would fill the buckets again.
for function in $functions; do
	$AWS lambda put-function-concurrency --function-name "$function" --reserved-concurrent-executions 0 >/dev/null || true
done
for bucket in $buckets; do
	$AWS s3 rm --recursive --only-show-errors "s3://$bucket"
done
$SAM delete --stack-name "$stack" --no-prompts
