package consul

// This file asks the health functions of services, which may take their time, panic, or not return.

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// A HealthPanicError says that a health function panicked, or ended its goroutine by runtime.Goexit. A program that had
// rather crash panics with it.
type HealthPanicError struct {
	Service string // ID of the service that it was to tell of
	Value   any    // that it panicked with; nil after runtime.Goexit
	Stack   []byte // of its goroutine
}

func (e *HealthPanicError) Error() string {
	if e.Value == nil {
		return fmt.Sprintf("consul: the health function of service %q ended its goroutine by runtime.Goexit", e.Service)
	}
	return fmt.Sprintf("consul: the health function of service %q panicked: %v", e.Service, e.Value)
}

// Unwrap gives the value of the panic if that is an error.
func (e *HealthPanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A report is what is said of a service.
type report struct{ status, output string }

// reportOf is what a health function's error says.
func reportOf(err error) report {
	switch {
	case err == nil:
		return report{HealthPassing, ""}
	case errors.Is(err, ErrDegraded):
		return report{HealthWarning, err.Error()}
	}
	return report{HealthCritical, err.Error()}
}

// A wellness asks the health function of one service, one call at a time.
type wellness struct {
	service string
	health  func(context.Context) error
	asked   chan verdict // what the call under way will give; nil: there is none
	since   time.Time    // when that began
}

// A verdict is what came of a call.
type verdict struct {
	report   report
	panicked error
}

// ask calls the health function, unless a call is still under way, and waits for what it says, for a part of the time between
// two heartbeats. The error is a panic. Where ctx ends first, the report is empty.
func (w *wellness) ask(ctx context.Context, period time.Duration) (report, error) {
	if w.health == nil {
		return reportOf(nil), nil
	}
	if w.asked == nil {
		w.asked, w.since = make(chan verdict, 1), time.Now()
		go w.call(ctx, period*2/5, w.asked)
	}
	limit := time.NewTimer(period * 3 / 5)
	defer limit.Stop()
	select {
	case v := <-w.asked:
		w.asked = nil
		return v.report, v.panicked
	case <-limit.C:
		late := fmt.Errorf("the health function has not returned for %v", time.Since(w.since).Round(time.Millisecond))
		return reportOf(late), nil
	case <-ctx.Done():
		return report{}, nil
	}
}

// call calls the health function.
func (w *wellness) call(ctx context.Context, limit time.Duration, said chan<- verdict) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	returned := false
	var err error
	defer func() {
		v := verdict{report: reportOf(err)}
		if !returned {
			v.panicked = &HealthPanicError{Service: w.service, Value: recover(), Stack: debug.Stack()}
		}
		said <- v
	}()
	err = w.health(ctx)
	returned = true
}

// finish waits for a call under way, whose context has ended. It gives a panic, and says so where the call does not end.
func (w *wellness) finish(timeout time.Duration) error {
	if w.asked == nil {
		return nil
	}
	limit := time.NewTimer(timeout)
	defer limit.Stop()
	select {
	case v := <-w.asked:
		w.asked = nil
		return v.panicked
	case <-limit.C:
		return fmt.Errorf("consul: the health function of service %q does not return though its context has ended: %w",
			w.service, context.DeadlineExceeded)
	}
}
