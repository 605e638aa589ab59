package consulotel

// This file names errors for metrics: by few words, whatever they say.

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"

	"github.com/lictor-go/consul"
)

// errorTypes are the sentinels that say more than the status behind them, and those without one.
var errorTypes = []struct {
	err  error
	name string
}{
	{consul.ErrLockHeld, "lock_held"},
	{consul.ErrLockLost, "lock_lost"},
	{consul.ErrLockConflict, "lock_conflict"},
	{consul.ErrSemaphoreHeld, "semaphore_held"},
	{consul.ErrSemaphoreLost, "semaphore_lost"},
	{consul.ErrSemaphoreConflict, "semaphore_conflict"},
	{consul.ErrSessionExpired, "session_expired"},
	{consul.ErrBadResponse, "bad_response"},
	{consul.ErrClosed, "closed"},
	{context.DeadlineExceeded, "timeout"},
	{context.Canceled, "canceled"},
}

// otherError is what the conventions have for an error without a name.
const otherError = "_OTHER"

// errorType is the error.type of what a call or a recipe ended with.
func errorType(err error) string {
	for _, known := range errorTypes {
		if errors.Is(err, known.err) {
			return known.name
		}
	}
	if answer, ok := errors.AsType[*consul.StatusError](err); ok {
		return strconv.Itoa(answer.Code)
	}
	if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "connection"
	}
	return otherError
}

// isFailure reports whether err is one: that something does not exist is an answer.
func isFailure(err error) bool {
	return err != nil && (!errors.Is(err, consul.ErrNotFound) || errors.Is(err, consul.ErrBadResponse))
}
