// Uploads a file by the AWS SDK for JavaScript, streamed and by a presigned URL, lists, and downloads.
import { createReadStream, createWriteStream, statSync } from "node:fs";
import { pipeline } from "node:stream/promises";

import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const [action, bucket, key, path] = process.argv.slice(2);
const s3 = new S3Client({ forcePathStyle: true });
const target = { Bucket: bucket, Key: key };

const actions = {
  async stream() {
    const size = statSync(path).size;
    await s3.send(new PutObjectCommand({ ...target, Body: createReadStream(path), ContentLength: size }));
  },
  async presigned() {
    const size = statSync(path).size;
    const command = new PutObjectCommand({ ...target, ContentLength: size });
    const url = await getSignedUrl(s3, command, { signableHeaders: new Set(["content-length"]) });
    const headers = { "content-length": String(size) };
    const answer = await fetch(url, { method: "PUT", body: createReadStream(path), headers, duplex: "half" });
    if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  },
  async list() {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: key }));
    for (const found of Contents) console.log(found.Key);
  },
  async download() {
    const { Body } = await s3.send(new GetObjectCommand(target));
    await pipeline(Body, createWriteStream(path));
  },
};

await actions[action]();
