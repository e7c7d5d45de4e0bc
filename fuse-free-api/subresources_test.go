package api

import (
	"strings"
	"testing"
)

func TestSubresources(t *testing.T) {
	empty := func(root string) string { return "<" + root + xmlNamespace + "></" + root + ">" }
	const who = "<ID>holdfast</ID><DisplayName>holdfast</DisplayName>"
	acl := "<AccessControlPolicy" + xmlNamespace + "><Owner>" + who + "</Owner><AccessControlList><Grant>" +
		`<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">` + who + "</Grantee><Permission>FULL_CONTROL</Permission></Grant>" +
		"</AccessControlList></AccessControlPolicy>"
	const removed, refused = 204, 501
	g := newRig(t)
	g.fill("k")
	tested := map[string]bool{}
	for _, c := range []struct {
		target string // below the bucket
		get    string // the document, or the code of the error
		status int
		remove int
	}{
		{"?acl", acl, 200, refused},
		{"?versioning", empty("VersioningConfiguration"), 200, refused},
		{"?logging", empty("BucketLoggingStatus"), 200, refused},
		{"?notification", empty("NotificationConfiguration"), 200, refused},
		{"?accelerate", empty("AccelerateConfiguration"), 200, refused},
		{"?requestPayment", "<RequestPaymentConfiguration" + xmlNamespace + "><Payer>BucketOwner</Payer></RequestPaymentConfiguration>", 200, refused},
		{"?policy", "NoSuchBucketPolicy", 404, removed},
		{"?policyStatus", "NoSuchBucketPolicy", 404, refused},
		{"?cors", "NoSuchCORSConfiguration", 404, removed},
		{"?tagging", "NoSuchTagSet", 404, removed},
		{"?lifecycle", "NoSuchLifecycleConfiguration", 404, removed},
		{"?encryption", "ServerSideEncryptionConfigurationNotFoundError", 404, removed},
		{"?publicAccessBlock", "NoSuchPublicAccessBlockConfiguration", 404, removed},
		{"?ownershipControls", "OwnershipControlsNotFoundError", 404, removed},
		{"?replication", "ReplicationConfigurationNotFoundError", 404, removed},
		{"?website", "NoSuchWebsiteConfiguration", 404, removed},
		{"?object-lock", "ObjectLockConfigurationNotFoundError", 404, refused},
		{"/k?acl", acl, 200, refused},
		{"/k?retention", "InvalidRequest", 400, refused},
		{"/k?legal-hold", "InvalidRequest", 400, refused},
	} {
		tested[c.target] = true
		t.Run(c.target, func(t *testing.T) {
			if c.status == 200 {
				if a := g.do("GET", "/bkt"+c.target, "").want(t, 200, ""); a.body != xmlHead+c.get || a.header.Get("Content-Type") != "application/xml" {
					t.Errorf("%s", a.body)
				}
			} else {
				g.do("GET", "/bkt"+c.target, "").want(t, c.status, c.get)
			}
			for _, method := range []string{"GET", "DELETE"} {
				if method == "GET" || c.remove == removed {
					g.do(method, "/nosuch"+c.target, "").want(t, 404, "NoSuchBucket")
				}
			}
			if key, query, ok := strings.Cut(c.target, "?"); ok && key != "" {
				g.do("GET", "/bkt/other?"+query, "").want(t, 404, "NoSuchKey")
				g.do("GET", "/bkt/k?versionId=1&"+query, "").want(t, 404, "NoSuchVersion")
				want := ""
				if c.status != 200 {
					want = c.get
				}
				g.do("GET", "/bkt/k?versionId=null&"+query, "").want(t, c.status, want)
			}
			if c.remove == removed {
				g.do("DELETE", "/bkt"+c.target, "").want(t, 204, "")
			} else {
				g.do("DELETE", "/bkt"+c.target, "").want(t, 501, "NotImplemented")
			}
			g.do("PUT", "/bkt"+c.target, "<Made><Up/></Made>").want(t, 501, "NotImplemented")
			g.do("GET", "/bkt"+c.target+"&made-up=1", "").want(t, 501, "NotImplemented")
			g.do("HEAD", "/bkt"+c.target, "").want(t, 501, "")
		})
	}
	for _, s := range subresources() {
		target := "?" + s.parameter
		if s.level == objectLevel {
			target = "/k" + target
		}
		if !tested[target] {
			t.Errorf("%s is not tested", target)
		}
	}
	if keys := g.keys(); len(keys) != 1 || len(g.store.buckets) != 1 {
		t.Errorf("something changed: %q", keys)
	}
}

// The canned list that everything has already changes nothing, and is
// welcome; whatever else an access control list may say is not.
func TestPutACL(t *testing.T) {
	g := newRig(t)
	g.fill("k")
	for _, target := range []string{"/bkt?acl", "/bkt/k?acl"} {
		g.do("PUT", target, "", "x-amz-acl: private").want(t, 200, "")
		g.do("PUT", target, "", "x-amz-acl: private", "x-amz-sdk-checksum-algorithm: CRC32", "x-amz-checksum-crc32: AAAAAA==").want(t, 200, "")
		g.do("PUT", target, "", "x-amz-acl: public-read").want(t, 501, "NotImplemented")
		g.do("PUT", target, "", "x-amz-grant-full-control: id=1").want(t, 501, "NotImplemented")
		g.do("PUT", target, "<AccessControlPolicy/>").want(t, 501, "NotImplemented")
		g.do("PUT", target, "<AccessControlPolicy/>", "x-amz-acl: private").want(t, 501, "NotImplemented")
		g.do("PUT", target, "").want(t, 400, "MissingSecurityHeader")
	}
	g.do("PUT", "/nosuch?acl", "", "x-amz-acl: private").want(t, 404, "NoSuchBucket")
	g.do("PUT", "/bkt/other?acl", "", "x-amz-acl: private").want(t, 404, "NoSuchKey")
}
