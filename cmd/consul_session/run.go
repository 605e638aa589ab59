package main

// This file is the command "run": a session, and a lock if one is asked for, for as long as another command runs.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/lictor-go/consul"
)

const commandRun = "run"

// The exit statuses of run that are not the command's, as timeout, env and the shells have them.
const (
	exitLost       = 124
	exitNotStarted = 125
	exitCannotRun  = 126
	exitNoCommand  = 127
	exitBySignal   = 128 // and the signal's number
)

const (
	defaultKillAfter = 5 * time.Second

	// endTimeout bounds what is done about the lock and the session at the end. What is left of them ends with the TTL.
	endTimeout = 10 * time.Second

	// answerTime is how long a signal leaves Consul to answer that the session is made: one that nobody has heard of can't
	// be destroyed.
	answerTime = time.Second

	// watchTime is how long one question about the session may wait, and watchPause is from a failed one to the next.
	watchTime, watchPause = 5 * time.Minute, time.Second

	// lookTime is how often it is looked whether a command that is to end, and all that it has started, has ended.
	lookTime = 10 * time.Millisecond
)

const runHelp = `The session is made, kept renewed while the command runs, and destroyed when it ends. With --lock the
lock on the key is taken first, and held. The command finds in its environment

  CONSUL_SESSION_ID  the session's ID
  CONSUL_LOCK_KEY    with --lock, the key
  CONSUL_LOCK_FENCE  with --lock, a number that grows with each holder of the lock

When the session or the lock is lost, the command is ended: by SIGTERM, and after --kill-after by SIGKILL. So are the
processes that it started, unless its input is a terminal. SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 are
passed on to it.

The exit status is that of the command, or

  124      the session or the lock was lost, and the command ended for it
  125      there is no session or no lock, and the command was not started
  126      the command can't be run
  127      the command can't be found
  128 + n  the command was ended by signal n, or signal n came before the command was started

Without --ttl it is 15s. Without --delay it is 15s or the TTL, whichever is more, so that nobody has the lock while the
command is being ended: keep --kill-after below it.`

// runSettings are what run is told beside the session.
type runSettings struct {
	key       string         // of the lock; "" for none
	wait      *time.Duration // for the lock; nil: without end
	killAfter time.Duration
}

func (r *runSettings) setWait(value string) error {
	wait, err := parseSeconds(value)
	r.wait = &wait
	return err
}

// check refuses what can't be run.
func (r *runSettings) check(s *settings, command []string) error {
	switch {
	case len(command) == 0:
		return errors.New("no command is given: put it at the end, behind --")
	case r.wait != nil && r.key == "":
		return errors.New("--wait is for a lock: give --lock")
	}
	return nil
}

// A runner runs one command with a session.
type runner struct {
	settings *settings
	command  []string
	console  console
	signals  <-chan os.Signal
	client   *consul.Client

	session *consul.SessionHandle
	lock    *consul.Lock    // nil without --lock
	hold    context.Context // ends when the session, or the lock, is lost
}

// runWithSession runs a command with a session, and gives the exit status.
func runWithSession(ctx context.Context, s *settings, command []string, c console) int {
	signals, stop := notify()
	defer stop()
	r := &runner{settings: s, command: command, console: c, signals: signals}
	client, address, err := s.target.connect()
	if err != nil {
		r.say("%v", err)
		return exitNotStarted
	}
	defer client.Close()
	r.client = client

	life, end := context.WithCancelCause(ctx)
	defer end(nil)
	err = r.begin(life, end)
	defer r.finish(ctx)
	if caught, ok := err.(caughtSignal); ok {
		r.say("%v before the command was started", caught)
		return caught.status()
	}
	if err != nil {
		r.say("at %s: %v", address, err)
		return exitNotStarted
	}
	return r.run()
}

// say tells the person at the terminal, or the log, something that is not the command's.
func (r *runner) say(format string, args ...any) {
	fmt.Fprintf(r.console.stderr, "consul_session run: "+format+"\n", args...)
}

// caughtSignal is a signal that came before there was a command to pass it on to.
type caughtSignal struct{ os.Signal }

func (s caughtSignal) Error() string { return s.String() }

// begin makes the session and takes the lock, unless a signal comes first. The session ends with life, which end ends.
func (r *runner) begin(life context.Context, end context.CancelCauseFunc) error {
	begun := make(chan error, 1)
	wait, giveUp := context.WithCancelCause(life)
	defer giveUp(nil)
	go func() { begun <- r.take(life, wait) }()
	for {
		select {
		case err := <-begun:
			return err
		case signal := <-r.signals:
			if endsProgram(signal) {
				caught := caughtSignal{signal}
				giveUp(caught)
				defer time.AfterFunc(answerTime, func() { end(caught) }).Stop()
				<-begun
				return caught
			}
		}
	}
}

// take makes the session, which lives as long as life at most, and takes the lock, for which it waits as long as wait.
func (r *runner) take(life, wait context.Context) (err error) {
	entry := r.settings.entry()
	if r.settings.delay == nil {
		entry.LockDelay = 0 // leave it to KeepAlive, which knows the TTL
	}
	if r.session, err = r.client.Session().KeepAlive(life, entry); err != nil {
		return fmt.Errorf("make a session: %w", err)
	}
	if r.settings.run.key == "" {
		r.hold = r.watch()
		return nil
	}
	host, _ := os.Hostname() // for people who read the key; it may be unknown
	r.lock, err = r.client.LockOpts(&consul.LockOptions{
		Key: r.settings.run.key, Value: []byte(host), Session: r.session, Datacenter: r.settings.target.datacenter,
	})
	if err != nil {
		return err
	}
	limit := r.settings.run.wait
	switch {
	case limit != nil && *limit == 0:
		r.hold, err = r.lock.TryLock(wait)
	case limit != nil:
		limited, cancel := context.WithTimeoutCause(wait, *limit, fmt.Errorf("not within %v: %w", *limit, consul.ErrLockHeld))
		defer cancel()
		r.hold, err = r.lock.Lock(limited)
	default:
		r.hold, err = r.lock.Lock(wait)
	}
	return err
}

// watch gives a context that ends with the session, also where that was destroyed long before it had to be renewed. The
// lock's hold does so by itself. It asks for consistent reads, since a new leader may not know yet of a session.
func (r *runner) watch() context.Context {
	hold, lose := context.WithCancelCause(r.session.Context())
	go func() {
		var index uint64
		for hold.Err() == nil {
			_, meta, err := r.client.Session().Info(hold, r.session.ID(), consul.Consistent(), consul.Wait(index, watchTime))
			switch {
			case errors.Is(err, consul.ErrNotFound):
				lose(fmt.Errorf("session %s is gone: %w", r.session.ID(), consul.ErrSessionExpired))
			case err != nil: // the handle knows how long that may go on
				index = 0
				select {
				case <-hold.Done():
				case <-time.After(watchPause):
				}
			case meta.LastIndex < index:
				index = 0
			default:
				index = max(1, meta.LastIndex)
			}
		}
	}()
	return hold
}

// finish gives the lock back and destroys the session, so far as there are any.
func (r *runner) finish(ctx context.Context) {
	if r.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	if r.lock != nil {
		err := r.lock.Unlock(ctx)
		if err != nil && !errors.Is(err, consul.ErrLockLost) && !errors.Is(err, consul.ErrLockNotHeld) {
			r.say("give the lock back: %v", err)
		}
	}
	if err := r.session.Close(ctx); err != nil {
		r.say("destroy session %s: %v", r.session.ID(), err)
	}
}

// run runs the command until it ends, and gives the exit status.
func (r *runner) run() int {
	p := newProcess(r.command, r.console)
	p.cmd.Env = r.environment()
	if err := p.start(); err != nil {
		r.say("%v", err)
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			return exitNoCommand
		}
		return exitCannotRun
	}
	for {
		select {
		case <-p.done:
			return p.status()
		case signal := <-r.signals:
			p.passOn(signal)
		case <-r.hold.Done():
			r.say("%v: the command is being ended", context.Cause(r.hold))
			r.end(p)
			return exitLost
		}
	}
}

// end ends the command and, where it leads a group, what it has started, which may need longer than the command itself.
func (r *runner) end(p *process) {
	p.signalGroup(syscall.SIGTERM)
	kill, look := time.NewTimer(r.settings.run.killAfter), time.NewTicker(lookTime)
	defer kill.Stop()
	defer look.Stop()
	for {
		select {
		case signal := <-r.signals:
			p.passOn(signal)
		case <-look.C:
			if p.isOver() {
				return
			}
		case <-kill.C:
			r.say("the command goes on after %v: it is killed", r.settings.run.killAfter)
			p.signalGroup(syscall.SIGKILL)
			<-p.done
			return
		}
	}
}

// environment is the command's. What a run around this one has said of its lock does not hold for it.
func (r *runner) environment() []string {
	var env []string
	for _, entry := range os.Environ() {
		switch name, _, _ := strings.Cut(entry, "="); name {
		case "CONSUL_SESSION_ID", "CONSUL_LOCK_KEY", "CONSUL_LOCK_FENCE":
		default:
			env = append(env, entry)
		}
	}
	env = append(env, "CONSUL_SESSION_ID="+r.session.ID())
	if r.lock != nil {
		env = append(env, "CONSUL_LOCK_KEY="+r.settings.run.key, fmt.Sprintf("CONSUL_LOCK_FENCE=%d", r.lock.Fence()))
	}
	return env
}
