package api

import (
	"net/http"
)

// subresource is a part of the configuration of a bucket or an object that
// cannot be configured here. Clients ask for many of them without need:
// Terraform reads nearly all of a bucket's before it believes that there is
// one, `mc stat` versioning, tagging, encryption, lifecycle, replication,
// policy, object lock and notification, s3cmd's `info` acl, policy, cors,
// lifecycle and the payer. They are told what S3 says where
// nothing was configured; writing is refused.
type subresource struct {
	parameter string // that names it in the query
	name      string // S3's, as in Get…
	level     level
	feature   string             // in words
	empty     func(x *xmlWriter) // writes what GET answers; nil: absent
	absent    code               // what GET answers without empty
	message   string             // with absent
	removable bool               // DELETE of what is not there is 204, as in S3
}

func subresources() []subresource {
	// alone is a document of nothing but its outermost element.
	alone := func(root string) func(*xmlWriter) {
		return func(x *xmlWriter) {
			x.root(root)
			x.end(root)
		}
	}
	noLock := "Bucket is missing Object Lock Configuration"
	return []subresource{
		{parameter: "acl", name: "BucketAcl", level: bucketLevel, feature: "Access control lists other than private", empty: writeACL},
		{parameter: "acl", name: "ObjectAcl", level: objectLevel, feature: "Access control lists other than private", empty: writeACL},
		// Suspended is refused like Enabled: a bucket that was suspended says
		// so ever after, and one that never had versioning says nothing.
		{parameter: "versioning", name: "BucketVersioning", level: bucketLevel, feature: "Versioning, and suspending it,",
			empty: alone("VersioningConfiguration")},
		{parameter: "logging", name: "BucketLogging", level: bucketLevel, feature: "Logging to a bucket", empty: alone("BucketLoggingStatus")},
		{parameter: "notification", name: "BucketNotificationConfiguration", level: bucketLevel, feature: "Notification of events",
			empty: alone("NotificationConfiguration")},
		{parameter: "accelerate", name: "BucketAccelerateConfiguration", level: bucketLevel, feature: "Transfer acceleration",
			empty: alone("AccelerateConfiguration")},
		{parameter: "requestPayment", name: "BucketRequestPayment", level: bucketLevel, feature: "Another payer than the owner",
			empty: func(x *xmlWriter) {
				x.root("RequestPaymentConfiguration")
				x.text("Payer", "BucketOwner")
				x.end("RequestPaymentConfiguration")
			}},
		{parameter: "policy", name: "BucketPolicy", level: bucketLevel, feature: "Bucket policy", removable: true,
			absent: code{"NoSuchBucketPolicy", 404}, message: "The bucket policy does not exist"},
		{parameter: "policyStatus", name: "BucketPolicyStatus", level: bucketLevel, feature: "Bucket policy",
			absent: code{"NoSuchBucketPolicy", 404}, message: "The bucket policy does not exist"},
		{parameter: "cors", name: "BucketCors", level: bucketLevel, feature: "Cross-origin resource sharing (CORS)", removable: true,
			absent: code{"NoSuchCORSConfiguration", 404}, message: "The CORS configuration does not exist"},
		{parameter: "tagging", name: "BucketTagging", level: bucketLevel, feature: "Tagging of buckets", removable: true,
			absent: code{"NoSuchTagSet", 404}, message: "The TagSet does not exist"},
		{parameter: "lifecycle", name: "BucketLifecycleConfiguration", level: bucketLevel, feature: "Lifecycle rules", removable: true,
			absent: code{"NoSuchLifecycleConfiguration", 404}, message: "The lifecycle configuration does not exist"},
		{parameter: "encryption", name: "BucketEncryption", level: bucketLevel, feature: "Encryption by the server", removable: true,
			absent: code{"ServerSideEncryptionConfigurationNotFoundError", 404}, message: "The server side encryption configuration was not found"},
		{parameter: "publicAccessBlock", name: "PublicAccessBlock", level: bucketLevel, feature: "Blocking of public access, of which there is none,", removable: true,
			absent: code{"NoSuchPublicAccessBlockConfiguration", 404}, message: "The public access block configuration was not found"},
		{parameter: "ownershipControls", name: "BucketOwnershipControls", level: bucketLevel, feature: "Control of ownership", removable: true,
			absent: code{"OwnershipControlsNotFoundError", 404}, message: "The bucket ownership controls were not found"},
		{parameter: "replication", name: "BucketReplication", level: bucketLevel, feature: "Replication to other buckets", removable: true,
			absent: code{"ReplicationConfigurationNotFoundError", 404}, message: "The replication configuration was not found"},
		{parameter: "website", name: "BucketWebsite", level: bucketLevel, feature: "Serving a bucket as a website", removable: true,
			absent: code{"NoSuchWebsiteConfiguration", 404}, message: "The specified bucket does not have a website configuration"},
		{parameter: "object-lock", name: "ObjectLockConfiguration", level: bucketLevel, feature: "Object lock",
			absent: code{"ObjectLockConfigurationNotFoundError", 404}, message: "Object Lock configuration does not exist for this bucket"},
		// NoSuchObjectLockConfiguration is for objects of a bucket that has
		// object lock; of one that has none S3 says this.
		{parameter: "retention", name: "ObjectRetention", level: objectLevel, feature: "Object lock", absent: codeInvalidRequest, message: noLock},
		{parameter: "legal-hold", name: "ObjectLegalHold", level: objectLevel, feature: "Object lock", absent: codeInvalidRequest, message: noLock},
	}
}

// operations are those of one subresource.
func (s subresource) operations() []*operation {
	on := func(method, verb string, run func(*call) error) *operation {
		op := &operation{name: verb + s.name, level: s.level, method: method, sub: []string{s.parameter}, run: run}
		if s.level == objectLevel {
			op.query = []string{"versionId"}
		}
		return op
	}
	refused := func(*call) error { return notImplemented("%s is not supported.", s.feature) }
	get := on(http.MethodGet, "Get", s.get)
	put, remove := on(http.MethodPut, "Put", refused), on(http.MethodDelete, "Delete", refused)
	put.body = true // it is refused unread
	if s.parameter == "acl" {
		put.run, put.amz, put.document = (*call).putACL, []string{"acl"}, true
	}
	if s.removable {
		remove.run = func(c *call) error {
			if err := c.bucketExists(); err != nil {
				return err
			}
			c.w.WriteHeader(http.StatusNoContent)
			return nil
		}
	}
	return []*operation{get, put, remove}
}

func (s subresource) get(c *call) error {
	if err := c.addressed(); err != nil {
		return err
	}
	if s.empty == nil {
		return fault(s.absent, "%s", s.message)
	}
	x := c.beginXML()
	s.empty(x)
	x.flush()
	return nil
}

// addressed tells whether the bucket, or the object, that the request names
// is there.
func (c *call) addressed() error {
	if c.level() == bucketLevel {
		return c.bucketExists()
	}
	if err := c.onlyVersion(); err != nil {
		return err
	}
	_, err := c.s.opts.Store.Stat(c.r.Context(), c.bucket, c.key)
	return err
}

// writeACL writes the access control list of everything.
func writeACL(x *xmlWriter) {
	x.root("AccessControlPolicy")
	x.owner("Owner")
	x.start("AccessControlList")
	x.start("Grant")
	x.raw(`<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">`)
	x.text("ID", owner)
	x.text("DisplayName", owner)
	x.end("Grantee")
	x.text("Permission", "FULL_CONTROL")
	x.end("Grant")
	x.end("AccessControlList")
	x.end("AccessControlPolicy")
}

// putACL lets through what changes nothing: the canned list private, which is
// all that the header's check lets come this far.
func (c *call) putACL() error {
	doc, err := c.document(maxConfigBytes)
	if err != nil {
		return err
	}
	if err := c.addressed(); err != nil {
		return err
	}
	switch {
	case len(doc) > 0:
		return notImplemented("Access control lists are not supported; the header x-amz-acl: private, without a body, is.")
	case c.r.Header.Get("X-Amz-Acl") == "":
		return fault(code{"MissingSecurityHeader", 400}, "Your request was missing a required header: x-amz-acl.")
	}
	c.w.WriteHeader(http.StatusOK)
	return nil
}
