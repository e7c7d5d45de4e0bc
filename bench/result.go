package bench

import "time"

// Result is everything that one run found out: what the table and the page show,
// and what --json prints.
type Result struct {
	Version string        `json:"version"`
	Command string        `json:"command"` // that reproduces it
	Began   time.Time     `json:"began"`
	Took    time.Duration `json:"took"`
	Machine Machine       `json:"machine"`
	Data    int           `json:"data"`   // k
	Parity  int           `json:"parity"` // m
	Limits  []Line        `json:"limits,omitempty"`
	Goals   []Goal        `json:"goals,omitempty"`
	Cells   []Cell        `json:"cells,omitempty"`
	Growth  []Grown       `json:"growth,omitempty"`
	Notes   []string      `json:"notes,omitempty"` // what a reader has to know: what was left out, and why
}

// Machine is what the figures were taken on.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_bytes"`
	System string `json:"system"` // kernel
	Go     string `json:"go"`
	SIMD   string `json:"simd"`   // instruction sets that the code and the hashes are computed with
	Places string `json:"places"` // the drives: file system and device
}

// Line is one limit of the machine.
type Line struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"` // median
	Least float64 `json:"least"`
	Most  float64 `json:"most"`
	Unit  Unit    `json:"unit"`
	About string  `json:"about,omitempty"` // what exactly was done
}

// Unit says how a value is written.
type Unit string

// The units of values.
const (
	BytesPerSecond Unit = "B/s"
	OpsPerSecond   Unit = "1/s"
	Seconds        Unit = "s"
	SecondsPerGiB  Unit = "s/GiB"
	Bytes          Unit = "B"
	Share          Unit = "share" // of 1, written in percent
	Times          Unit = "times"
)

// Goal is one promise: a figure, beside what it is measured by.
type Goal struct {
	Path   string  `json:"path"`   // what is done: "PUT 4 KiB, 1 client"
	Figure string  `json:"figure"` // what is looked at: "rate", "server CPU per operation"
	Of     string  `json:"of"`     // what it is measured by: "commit limit"; empty: Value stands for itself
	Got    float64 `json:"got"`    // in Unit
	Limit  float64 `json:"limit"`  // in Unit; 0 if Of is empty
	Unit   Unit    `json:"unit"`   // of Got and Limit
	Value  float64 `json:"value"`  // the median of the rounds' ratios, or of Got: what is held against Bound
	Least  float64 `json:"least"`  // of the rounds, as Value
	Most   float64 `json:"most"`   // of the rounds, as Value
	Bound  float64 `json:"bound"`
	AtMost bool    `json:"at_most"`          // Value should be at most Bound, else at least
	Beside bool    `json:"beside,omitempty"` // said beside a goal: nothing is promised, and Bound is 0
	Rounds int     `json:"rounds"`
	Once   bool    `json:"once,omitempty"`  // it is taken once by its nature: a single figure, and no median
	About  string  `json:"about,omitempty"` // what exactly was done, and, if it is missed, why
}

// Met says whether the goal is reached. What is said beside one always is.
func (g Goal) Met() bool {
	if g.Beside {
		return true
	}
	if g.AtMost {
		return g.Value <= g.Bound
	}
	return g.Value >= g.Bound
}

// Cell is one place of the matrix.
type Cell struct {
	Layer     string `json:"layer"` // "codec", "pool", "S3"
	State     string `json:"state"` // "healthy", "2 drives gone", "rebuilding", "scrubbing"
	Operation string `json:"operation"`
	Size      int64  `json:"size"`
	Clients   int    `json:"clients"`
	Series    Series `json:"series"`
	Limit     Series `json:"limit"` // the same from the bare server; without samples: none
}

// Grown is what a pool with that many objects does.
type Grown struct {
	Objects int64 `json:"objects"`
	// Costs are what must not grow: seconds of an operation, or seconds or bytes for each object. The same names
	// stand in every Grown.
	Costs []Line `json:"costs"`
	// Totals are what is as large as the pool is: the time to start, the memory.
	Totals []Line `json:"totals,omitempty"`
}

// Cost is the value of the cost of that name; 0: there is none.
func (g Grown) Cost(name string) float64 {
	for _, cost := range g.Costs {
		if cost.Name == name {
			return cost.Value
		}
	}
	return 0
}
