package main

import "github.com/prometheus/client_golang/prometheus"

// mendMetrics tell how far rebuild and scrub are, and how much is proven.
type mendMetrics struct {
	rebuildState, rebuildLeft, rebuildBytes, rebuildDone, rebuildRetries, rebuildFinished     *prometheus.Desc
	scrubState, scrubProgress, scrubRead, scrubMended, scrubRemaining, scrubSuccess, scrubEnd *prometheus.Desc
	stored, never, oldest, proven                                                             *prometheus.Desc
	yielding, share                                                                           *prometheus.Desc
}

func rebuildStates() []string { return []string{"idle", rebuildRunning, rebuildWaiting} }

func scrubStates() []string { return []string{"idle", scrubRunning, scrubPaused, scrubWaiting} }

func newMendMetrics(desc func(name, help string, labels ...string) *prometheus.Desc) mendMetrics {
	return mendMetrics{
		rebuildState:    desc("rebuild_state", "1 for the state that rebuilding is in, 0 for all others.", "state"),
		rebuildLeft:     desc("rebuild_remaining_segments", "Segments with columns to be made anew or moved."),
		rebuildBytes:    desc("rebuild_remaining_bytes", "Bytes of columns to be made anew or moved, at most."),
		rebuildDone:     desc("rebuild_written_bytes", "Bytes written since there was last nothing to do."),
		rebuildRetries:  desc("rebuild_retries", "Segments that could not be done and are tried again."),
		rebuildFinished: desc("rebuild_last_finished_timestamp_seconds", "When there was last nothing left to do."),
		scrubState:      desc("scrub_state", "1 for the state that the scrub is in, 0 for all others.", "state"),
		scrubProgress:   desc("scrub_progress_ratio", "Part of the segments that this scrub, or the last one, has examined."),
		scrubRead:       desc("scrub_read_bytes", "Bytes that this scrub, or the last one, has read."),
		scrubMended:     desc("scrub_mended_blocks", "Blocks that this scrub, or the last one, has mended."),
		scrubRemaining:  desc("scrub_remaining_findings", "What this scrub, or the last one, has found and could not mend."),
		scrubSuccess:    desc("scrub_last_success_timestamp_seconds", "When a scrub last ended with everything good or mended."),
		scrubEnd:        desc("scrub_last_finished_timestamp_seconds", "When the last scrub ended."),
		yielding:        desc("background_yielding", "1 while scrub or rebuild is held back because clients are active."),
		share:           desc("background_share_ratio", "Part of the time that background work takes while it is held back, as the latency of clients with and without it has shown.", "work"),
		stored:          desc("verified_stored_bytes", "Bytes of all columns of closed segments."),
		never:           desc("verified_never_bytes", "Of these, bytes that were not read and verified since they were written."),
		oldest:          desc("verified_oldest_timestamp_seconds", "When those were verified whose turn was longest ago."),
		proven:          desc("redundancy_proven", "1 if no column is missing and each was verified since a drive was last lost."),
	}
}

func (m mendMetrics) describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		m.rebuildState, m.rebuildLeft, m.rebuildBytes, m.rebuildDone, m.rebuildRetries, m.rebuildFinished,
		m.scrubState, m.scrubProgress, m.scrubRead, m.scrubMended, m.scrubRemaining, m.scrubSuccess, m.scrubEnd,
		m.stored, m.never, m.oldest, m.proven, m.yielding, m.share,
	} {
		out <- d
	}
}

func (m mendMetrics) collect(put metricWriter, r statusReport) {
	if b := r.Rebuild; b != nil {
		put.states(m.rebuildState, rebuildStates(), b.State)
		put.gauge(m.rebuildLeft, float64(b.SegmentsLeft))
		put.gauge(m.rebuildBytes, float64(b.BytesLeft))
		put.gauge(m.rebuildDone, float64(b.BytesDone))
		put.gauge(m.rebuildRetries, float64(len(b.Retries)))
		put.time(m.rebuildFinished, b.LastFinished)
	}
	yielding := 0.0
	if r.Background.Yielding {
		yielding = 1
	}
	put.gauge(m.yielding, yielding)
	put.gauge(m.share, r.Background.ScrubShare, "scrub")
	put.gauge(m.share, r.Background.RepairShare, "rebuild")
	if s := r.Scrub; s != nil {
		put.states(m.scrubState, scrubStates(), s.State)
		progress := 0.0
		if s.SegmentsTotal > 0 {
			progress = float64(s.SegmentsDone) / float64(s.SegmentsTotal)
		}
		put.gauge(m.scrubProgress, progress)
		put.gauge(m.scrubRead, float64(s.BytesRead))
		put.gauge(m.scrubMended, float64(s.Mended))
		put.gauge(m.scrubRemaining, float64(s.Remaining))
		put.time(m.scrubSuccess, s.LastSuccess)
		put.time(m.scrubEnd, s.Finished)
	}
	if v := r.Verified; v != nil {
		put.gauge(m.stored, float64(v.Bytes))
		put.gauge(m.never, float64(v.NeverBytes))
		put.time(m.oldest, v.Oldest)
		proven := 0.0
		if v.Proven {
			proven = 1
		}
		put.gauge(m.proven, proven)
	}
}
