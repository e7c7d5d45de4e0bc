package report

import (
	"math"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/holdfast-storage/holdfast/bench"
)

// none stands where there is no figure.
const none = "–"

// value writes a figure with three digits that count, and its unit.
func value(v float64, unit bench.Unit) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	switch unit {
	case bench.BytesPerSecond:
		return bytes(v) + "/s"
	case bench.OpsPerSecond:
		return number(v) + "/s"
	case bench.Seconds:
		return seconds(v)
	case bench.SecondsPerGiB:
		return number(v) + " s/GiB"
	case bench.Bytes:
		return bytes(v)
	case bench.Share:
		return percent(v)
	case bench.Times:
		return number(v) + "×"
	}
	return strings.TrimSpace(number(v) + " " + string(unit))
}

// number has three digits that count, and commas between thousands: 0.0123, 1.5, 19,700.
func number(v float64) string {
	if v == 0 {
		return "0"
	}
	whole := int(math.Floor(math.Log10(math.Abs(v)))) + 1
	scale := math.Pow10(3 - whole)
	v = math.Round(v*scale) / scale
	if math.Abs(v) >= 1000 {
		return humanize.Comma(int64(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// bytes is an amount in powers of 1024: 4 KiB, 3.2 GiB.
func bytes(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for ; math.Abs(v) >= 1000 && i < len(units)-1; i++ {
		v /= 1024
	}
	return number(v) + " " + units[i]
}

func seconds(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0 s"
	case a < 1e-6:
		return number(v*1e9) + " ns"
	case a < 1e-3:
		return number(v*1e6) + " µs"
	case a < 1:
		return number(v*1e3) + " ms"
	case a < 600:
		return number(v) + " s"
	}
	return number(v/60) + " min"
}

func percent(v float64) string {
	if v*100 < 10 {
		return number(v*100) + " %"
	}
	return number(math.Round(v*100)) + " %"
}

// counted is a number with its noun: 1 client, 32 clients.
func counted[T int | int64](n T, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return humanize.Comma(int64(n)) + " " + noun
}
