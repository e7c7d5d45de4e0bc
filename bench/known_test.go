package bench

import (
	"encoding/json"
	"math"
	"testing"
)

func TestKeepKnown(t *testing.T) {
	r := Result{
		Goals:  []Goal{{Path: "PUT", Figure: "rate", Value: 1}, {Path: "PUT", Figure: "CPU", Got: math.NaN()}},
		Limits: []Line{{Name: "copy", Value: math.Inf(1)}, {Name: "MD5", Value: 1}},
		Growth: []Grown{{Costs: []Line{{Name: "LIST", Most: math.NaN()}}}},
	}
	r.KeepKnown()
	if _, err := json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	if len(r.Goals) != 1 || r.Goals[0].Figure != "rate" || len(r.Limits) != 1 || len(r.Growth[0].Costs) != 0 || len(r.Notes) != 3 {
		t.Errorf("left: %+v", r)
	}
}
