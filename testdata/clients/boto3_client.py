"""Drives a Holdfast daemon with boto3: python3 boto3_client.py ENDPOINT DIRECTORY.

It is told the endpoint; the keys and the region are in the environment, and no
setting is changed. Each step prints `ok NAME` or `fail NAME`; why goes to
standard error. What the installed version cannot do is said in a line that
begins with neither.
"""

import gzip
import hashlib
import os
import random
import sys
import traceback
import urllib.error
import urllib.request

import boto3
import botocore
from botocore.exceptions import ClientError

MIB = 1 << 20
SIZES = [0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 100_000_000]
ODD = [
    "with space", "a+b", "100%", "%41", "%2F", "ünïcödé/日本語", "emoji 😀", "tilde~", "colon:x", "q'uote", 'q"uote', "trailing..",
    "/leading", "//two", "in//between", "trailing/", "a;b&c=d?e#f", "[x]{y}$`^|<>\\", "new\nline", "tab\tkey", "\x01control", "list-type=2&prefix=x",
]
# urllib3, which carries boto3's requests, cleans these away before they are sent.
CLEANED = ["dot/./key", "dot/../key"]

endpoint, directory = sys.argv[1:3]
s3 = boto3.client("s3", endpoint_url=endpoint)
failures = 0


def content(size, seed=0):
    return random.Random(f"{size} {seed}").randbytes(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def read(bucket, key, **arguments):
    return s3.get_object(Bucket=bucket, Key=key, **arguments)["Body"].read()


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, f"want {code}, got {error}"
        return error
    raise AssertionError(f"no error, want {code}")


def fetch(url, method="GET", data=None, headers={}):
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return response.read(), response.headers
    except urllib.error.HTTPError as error:
        error.msg += " " + error.read().decode()
        raise


def step(function):
    """Runs a step with a bucket of its own."""
    global failures
    name = function.__name__.replace("_", "-")
    bucket = "boto3-" + name
    try:
        s3.create_bucket(Bucket=bucket)
        function(bucket)
        print("ok", name, flush=True)
    except Exception:
        failures += 1
        print("fail", name, flush=True)
        print(f"step {name}:", file=sys.stderr)
        traceback.print_exc()


def buckets(bucket):
    try:
        s3.create_bucket(Bucket=bucket)
        raise AssertionError("made twice")
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    s3.head_bucket(Bucket=bucket)
    refused("404", s3.head_bucket, Bucket="boto3-nowhere")
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    s3.put_object(Bucket=bucket, Key="x")
    refused("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="x")
    s3.delete_bucket(Bucket=bucket)
    refused("NoSuchBucket", s3.delete_bucket, Bucket=bucket)


def round_trips(bucket):
    for size in SIZES:
        data = content(size)
        s3.put_object(Bucket=bucket, Key=str(size), Body=data)
        got = s3.get_object(Bucket=bucket, Key=str(size), ChecksumMode="ENABLED")["Body"].read()
        assert digest(got) == digest(data), size
        assert s3.head_object(Bucket=bucket, Key=str(size))["ContentLength"] == size


def files(bucket):
    """upload_file and download_file send what is large in parts, several at once."""
    for size in SIZES:
        up, down = os.path.join(directory, "up"), os.path.join(directory, "down")
        data = content(size, 1)
        with open(up, "wb") as file:
            file.write(data)
        s3.upload_file(up, bucket, str(size), ExtraArgs={"Metadata": {"colour": "blue"}, "ContentType": "a/b"})
        s3.download_file(bucket, str(size), down)
        with open(down, "rb") as file:
            assert digest(file.read()) == digest(data), size
        head = s3.head_object(Bucket=bucket, Key=str(size))
        assert head["Metadata"] == {"colour": "blue"} and head["ContentType"] == "a/b", head


def odd_keys(bucket):
    for key in ODD:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for key in ODD:
        assert read(bucket, key) == key.encode(), key
    for size in (1000, 3):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
        got = [o["Key"] for page in pages for o in page.get("Contents", [])]
        assert got == sorted(ODD, key=str.encode), got
        pages = s3.get_paginator("list_objects").paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
        got = [o["Key"] for page in pages for o in page.get("Contents", [])]
        assert got == sorted(ODD, key=str.encode), got
    for key in ODD:
        s3.copy_object(Bucket=bucket, Key="copies/" + key, CopySource={"Bucket": bucket, "Key": key})
        assert read(bucket, "copies/" + key) == key.encode(), key
    nameable = [k for k in ODD if "\x01" not in k]  # no XML can name that
    out = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in nameable]})
    assert "Errors" not in out and sorted(d["Key"] for d in out["Deleted"]) == sorted(nameable), out
    s3.delete_object(Bucket=bucket, Key="\x01control")
    left = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert all(o["Key"].startswith("copies/") for o in left) and len(left) == len(ODD), left


def attributes(bucket):
    packed = gzip.compress(b"packed " * 1000)
    given = dict(ContentType="text/plain; charset=utf-8", ContentEncoding="gzip", CacheControl="max-age=60", ContentLanguage="de",
                 ContentDisposition='attachment; filename="x y"', Metadata={"colour": "dark blue", "n": "007"})
    s3.put_object(Bucket=bucket, Key="x", Body=packed, **given)
    s3.copy_object(Bucket=bucket, Key="y", CopySource=f"{bucket}/x")
    s3.copy_object(Bucket=bucket, Key="y", CopySource=f"{bucket}/y", MetadataDirective="REPLACE", **given)
    for key in "x", "y":
        head = s3.head_object(Bucket=bucket, Key=key)
        assert {name: head[name] for name in given} == given, head
        assert gzip.decompress(read(bucket, key)) == b"packed " * 1000
    assert s3.get_object(Bucket=bucket, Key="x", ResponseContentType="c/d")["ContentType"] == "c/d"


def listing(bucket):
    keys = sorted(f"folder+{i % 4}/{i:04d} ü" for i in range(1203))
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key)
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket))
    assert [o["Key"] for page in pages for o in page["Contents"]] == keys and [p["KeyCount"] for p in pages] == [1000, 203]
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == [f"folder+{i}/" for i in range(4)] and "Contents" not in page, page
    page = s3.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=3)
    assert page["IsTruncated"] and page["NextMarker"] == "folder+2/", page
    versions = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    versions = [v for page in versions for v in page["Versions"]]
    assert [v["Key"] for v in versions] == keys and {v["VersionId"] for v in versions} == {"null"}
    for first in range(0, len(keys), 1000):
        out = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in keys[first:first + 1000]], "Quiet": True})
        assert "Errors" not in out and "Deleted" not in out, out
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def copy_move_delete(bucket):
    data = content(20 * MIB)
    s3.put_object(Bucket=bucket, Key="a+b c", Body=data)
    s3.copy({"Bucket": bucket, "Key": "a+b c"}, bucket, "copied")  # in parts
    s3.copy_object(Bucket=bucket, Key="moved", CopySource={"Bucket": bucket, "Key": "a+b c"})
    s3.delete_object(Bucket=bucket, Key="a+b c")
    for key in "copied", "moved":
        assert digest(read(bucket, key)) == digest(data), key
    refused("InvalidRequest", s3.copy_object, Bucket=bucket, Key="moved", CopySource=f"{bucket}/moved")


def algorithms():
    """The checksums that this version can compute. CRC32C takes awscrt, CRC64NVME a newer botocore."""
    known = s3.meta.service_model.shape_for("ChecksumAlgorithm").enum
    for name in "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256":
        if name in known:
            yield name
        else:
            print(f"boto3 {boto3.__version__} does not know {name}")


def checksums(bucket):
    data = content(300_000)
    for name in algorithms():
        put = s3.put_object(Bucket=bucket, Key=name, Body=data, ChecksumAlgorithm=name)
        got = s3.get_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
        assert digest(got["Body"].read()) == digest(data), name
        assert put["Checksum" + name] == got["Checksum" + name], (put, got)
        assert "ContentEncoding" not in got, got
    refused("BadDigest", s3.put_object, Bucket=bucket, Key="wrong", Body=data, ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
    refused("404", s3.head_object, Bucket=bucket, Key="wrong")


def multipart_checksums(bucket):
    parts = [content(5 * MIB, 1), content(5 * MIB, 2), content(100, 3)]
    for name in algorithms():
        upload = s3.create_multipart_upload(Bucket=bucket, Key=name, ChecksumAlgorithm=name)["UploadId"]
        done = []
        for number, data in enumerate(parts, 1):
            out = s3.upload_part(Bucket=bucket, Key=name, UploadId=upload, PartNumber=number, Body=data, ChecksumAlgorithm=name)
            done.append({"PartNumber": number, "ETag": out["ETag"], "Checksum" + name: out["Checksum" + name]})
        out = s3.complete_multipart_upload(Bucket=bucket, Key=name, UploadId=upload, MultipartUpload={"Parts": done})
        head = s3.head_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
        assert out["Checksum" + name] == head["Checksum" + name] and head["Checksum" + name].endswith("-3"), (out, head)
        assert digest(read(bucket, name)) == digest(b"".join(parts))
        known = s3.get_object_attributes(Bucket=bucket, Key=name, ObjectAttributes=["ETag", "Checksum", "ObjectParts", "ObjectSize"])
        assert known["ObjectParts"]["TotalPartsCount"] == 3 and known["ObjectSize"] == sum(map(len, parts)), known


def multipart(bucket):
    parts = [content(5 * MIB, 4), content(7, 5)]
    source = content(6 * MIB, 6)
    s3.put_object(Bucket=bucket, Key="source", Body=source)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="x y", Metadata={"colour": "blue"}, Tagging="a=b", ContentEncoding="gzip")["UploadId"]
    target = dict(Bucket=bucket, Key="x y", UploadId=upload)
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    first = s3.upload_part(**target, PartNumber=1, Body=parts[0])["ETag"]
    middle = s3.upload_part_copy(**target, PartNumber=3, CopySource=f"{bucket}/source", CopySourceRange=f"bytes=1-{5 * MIB}")["CopyPartResult"]["ETag"]
    last = s3.upload_part(**target, PartNumber=7, Body=parts[1])["ETag"]
    done = [{"PartNumber": 1, "ETag": first}, {"PartNumber": 3, "ETag": middle}, {"PartNumber": 7, "ETag": last}]
    listed = [(p["PartNumber"], p["Size"]) for page in s3.get_paginator("list_parts").paginate(**target, PaginationConfig={"PageSize": 2}) for p in page["Parts"]]
    assert listed == [(1, 5 * MIB), (3, 5 * MIB), (7, 7)], listed
    refused("InvalidPartOrder", s3.complete_multipart_upload, **target, MultipartUpload={"Parts": done[::-1]})
    refused("InvalidPart", s3.complete_multipart_upload, **target, MultipartUpload={"Parts": done + [{"PartNumber": 8, "ETag": first}]})
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": done})
    assert digest(read(bucket, "x y")) == digest(parts[0] + source[1:5 * MIB + 1] + parts[1])
    assert digest(read(bucket, "x y", PartNumber=7)) == digest(parts[1])
    head = s3.head_object(Bucket=bucket, Key="x y")
    assert head["Metadata"] == {"colour": "blue"} and head["ContentEncoding"] == "gzip", head
    upload = s3.create_multipart_upload(Bucket=bucket, Key="z")["UploadId"]
    s3.abort_multipart_upload(Bucket=bucket, Key="z", UploadId=upload)
    refused("NoSuchUpload", s3.list_parts, Bucket=bucket, Key="z", UploadId=upload)


def presigned(bucket):
    """Signed by the version of signatures that boto3 takes by itself, and by version 4."""
    fourth = boto3.client("s3", endpoint_url=endpoint, config=botocore.config.Config(signature_version="s3v4"))
    for client in s3, fourth:
        key, data = "a b+ü%/x.txt", content(1000)
        url = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key, "ContentType": "a/b", "Metadata": {"colour": "blue"}})
        headers = {"Content-Type": "a/b"}
        if client is fourth:  # the other signs it in the query
            headers["x-amz-meta-colour"] = "blue"
        else:
            url = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key})
            headers = {"Content-Type": ""}
        fetch(url, "PUT", data, headers)
        got, _ = fetch(client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}))
        assert digest(got) == digest(data)
        url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key, "ResponseContentType": "c/d"}, ExpiresIn=60)
        got, headers = fetch(url)
        assert digest(got) == digest(data) and headers["Content-Type"] == "c/d", headers
        _, headers = fetch(client.generate_presigned_url("head_object", Params={"Bucket": bucket, "Key": key}), "HEAD")
        assert headers["Content-Length"] == "1000", headers
        if client is fourth:  # the other signs this operation's query in a way of botocore's own
            fetch(client.generate_presigned_url("list_objects_v2", Params={"Bucket": bucket, "Prefix": "a b"}))
        for wrong, method in (url.replace("x.txt", "y.txt"), "GET"), (url, "DELETE"):
            try:
                fetch(wrong, method)
                raise AssertionError("allowed")
            except urllib.error.HTTPError as error:
                assert error.code == 403, error


def ranges(bucket):
    data = content(6 * MIB)
    s3.put_object(Bucket=bucket, Key="x", Body=data)
    for asked, want in ("0-0", data[:1]), ("100-199", data[100:200]), (f"{5 * MIB}-", data[5 * MIB:]), ("-7", data[-7:]):
        assert read(bucket, "x", Range="bytes=" + asked) == want, asked
    refused("InvalidRange", s3.get_object, Bucket=bucket, Key="x", Range=f"bytes={len(data)}-")


def conditions(bucket):
    etag = s3.put_object(Bucket=bucket, Key="x", Body=b"x")["ETag"]
    s3.get_object(Bucket=bucket, Key="x", IfMatch=etag)
    refused("PreconditionFailed", s3.get_object, Bucket=bucket, Key="x", IfMatch='"0123"')
    refused("304", s3.get_object, Bucket=bucket, Key="x", IfNoneMatch=etag)
    refused("PreconditionFailed", s3.copy_object, Bucket=bucket, Key="y", CopySource=f"{bucket}/x", CopySourceIfNoneMatch=etag)
    if "IfNoneMatch" not in s3.meta.service_model.operation_model("PutObject").input_shape.members:
        print(f"boto3 {boto3.__version__} does not know put_object(IfNoneMatch=…); sent as a header")
    mine = boto3.client("s3", endpoint_url=endpoint)

    def only_new(request, **_):
        request.headers["If-None-Match"] = "*"
    mine.meta.events.register("before-sign.s3.PutObject", only_new)
    refused("PreconditionFailed", mine.put_object, Bucket=bucket, Key="x", Body=b"y")
    mine.put_object(Bucket=bucket, Key="new", Body=b"y")


def tagging(bucket):
    s3.put_object(Bucket=bucket, Key="x", Tagging="a=b%20c&d=")
    tags = s3.get_object_tagging(Bucket=bucket, Key="x")["TagSet"]
    assert sorted((t["Key"], t["Value"]) for t in tags) == [("a", "b c"), ("d", "")], tags
    s3.put_object_tagging(Bucket=bucket, Key="x", Tagging={"TagSet": [{"Key": "größe", "Value": "<1 & 2>"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="x")["TagSet"] == [{"Key": "größe", "Value": "<1 & 2>"}]
    s3.delete_object_tagging(Bucket=bucket, Key="x")
    assert s3.get_object_tagging(Bucket=bucket, Key="x")["TagSet"] == []


def errors(bucket):
    try:
        s3.get_object(Bucket=bucket, Key="nothing")
        raise AssertionError("it is there")
    except s3.exceptions.NoSuchKey:
        pass
    try:
        s3.list_objects_v2(Bucket="boto3-nowhere")
        raise AssertionError("it is there")
    except s3.exceptions.NoSuchBucket:
        pass
    refused("NoSuchBucketPolicy", s3.get_bucket_policy, Bucket=bucket)
    refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket=bucket)
    refused("NoSuchCORSConfiguration", s3.get_bucket_cors, Bucket=bucket)
    refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket=bucket)
    refused("NotImplemented", s3.put_object, Bucket=bucket, Key="x", ServerSideEncryption="AES256")
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"][0]["Permission"] == "FULL_CONTROL"
    wrong = boto3.client("s3", endpoint_url=endpoint, aws_secret_access_key="wrong", aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"])
    refused("SignatureDoesNotMatch", wrong.list_buckets)
    nobody = boto3.client("s3", endpoint_url=endpoint, config=botocore.config.Config(signature_version=botocore.UNSIGNED))
    refused("AccessDenied", nobody.list_buckets)


print(f"boto3 {boto3.__version__}, botocore {botocore.__version__}")
for function in (buckets, round_trips, files, odd_keys, attributes, listing, copy_move_delete, checksums, multipart_checksums, multipart, presigned,
                 ranges, conditions, tagging, errors):
    step(function)
sys.exit(1 if failures else 0)
