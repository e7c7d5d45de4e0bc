package clients

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// TestRace has 32 clients put one key at once, each if it does not exist yet, 1,000 times: exactly one of them wins,
// each of the others is told so, and the object is the winner's.
func TestRace(t *testing.T) {
	t.Parallel()
	const clients, rounds = 32, 1000
	d := startDaemon(t)
	setup := newAWSBucket(t, d, "race")
	all := make([]*s3.Client, clients)
	for i := range all {
		all[i] = newAWS(t, d) // each with connections of its own
	}
	began := time.Now()
	for round := range rounds {
		key := fmt.Sprintf("lock %04d", round)
		var winner, wins, lost atomic.Int64
		var group sync.WaitGroup
		gate := make(chan struct{})
		for i, client := range all {
			group.Go(func() {
				<-gate
				_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("race"), Key: &key, IfNoneMatch: aws.String("*"),
					Body: strings.NewReader(fmt.Sprint(i))})
				switch {
				case err == nil:
					wins.Add(1)
					winner.Store(int64(i))
				case isPreconditionFailed(err):
					lost.Add(1)
				default:
					t.Errorf("%s: %v", key, err)
				}
			})
		}
		close(gate)
		group.Wait()
		if wins.Load() != 1 || lost.Load() != clients-1 {
			t.Fatalf("%s: %d have won and %d lost", key, wins.Load(), lost.Load())
		}
		if got := string(setup.get(t, key)); got != fmt.Sprint(winner.Load()) {
			t.Fatalf("%s: %d has won, and the object is %s's", key, winner.Load(), got)
		}
	}
	t.Logf("%d clients, %d rounds in %v", clients, rounds, time.Since(began).Round(time.Millisecond))
}

func isPreconditionFailed(err error) bool {
	var failure smithy.APIError
	var response *awshttp.ResponseError
	return errors.As(err, &failure) && failure.ErrorCode() == "PreconditionFailed" && errors.As(err, &response) && response.HTTPStatusCode() == http.StatusPreconditionFailed
}
