package growth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// process is one that holds a pool, as its parent sees it.
type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
	objects int64 // in its pool
}

// start starts one, and does not open the pool yet. It ends with ctx.
func start(ctx context.Context, how func(ctx context.Context, dirs []string) *exec.Cmd, dirs []string, objects int64) (*process, error) {
	p := &process{command: how(ctx, dirs), objects: objects}
	in, err := p.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.out = in, json.NewDecoder(out)
	if err := p.command.Start(); err != nil { // also when ctx has ended: then there is no process to kill
		return nil, err
	}
	return p, nil
}

// ask has something done and waits for its end. told, which may be nil, hears how far it is.
func (p *process) ask(r request, told func(done int64)) (answer, error) {
	r.Objects = p.objects
	if err := json.NewEncoder(p.in).Encode(r); err != nil {
		return answer{}, err
	}
	for {
		var a answer
		switch err := p.out.Decode(&a); {
		case err != nil:
			return a, fmt.Errorf("the process that holds the pool has ended: %w", err)
		case a.End && a.Error != "":
			return a, errors.New(a.Error)
		case a.End:
			return a, nil
		case told != nil:
			told(a.Done)
		}
	}
}

// side is a load on its pool.
func (p *process) side(name string, l load) bench.Side {
	return bench.Side{Name: name, Run: func(_ context.Context, span time.Duration) (bench.Sample, error) {
		a, err := p.ask(request{Do: doLoad, Load: l, Span: span}, nil)
		if a.Sample == nil {
			a.Sample = &bench.Sample{}
		}
		return *a.Sample, err
	}}
}

// stop closes the pool in order and ends the process.
func (p *process) stop() error {
	_, err := p.ask(request{Do: doClose}, nil)
	return errors.Join(err, p.in.Close(), p.command.Wait())
}

// crash kills the process while it stores objects.
func (p *process) crash(after time.Duration) error {
	err := json.NewEncoder(p.in).Encode(request{Do: doLoad, Load: load{Operation: bench.Put, Clients: clients}, Objects: p.objects, Span: time.Hour})
	time.Sleep(after)
	p.kill()
	return err
}

// kill is fine with a process that has ended.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	_ = p.in.Close()
	_ = p.command.Wait() // it says that it was killed
}
