package extract

import (
	"context"
	"sync"
)

// pool is a stage of the work: so many at a time, and so much in flight.
type pool struct {
	workers int
	// ahead is how many may be begun before the first is taken, bytes what they may weigh together. One that weighs more
	// than all may is begun alone.
	ahead int
	bytes int
}

// ordered does what is produced on workers and takes the results one by one in the order in which they were produced. The
// first error, of whoever, ends everything; when it returns, nothing of it runs any more.
func ordered[In, Out any](ctx context.Context, p pool, produce func(context.Context, func(In) error) error,
	weight func(In) int, do func(context.Context, In) (Out, error), take func(Out) error,
) error {
	type slot struct {
		in     In
		out    Out
		err    error
		weight int
		done   chan struct{}
	}
	ctx, cancel := context.WithCancel(ctx)
	queue, work := make(chan *slot, p.ahead), make(chan *slot)
	flight := newScale(p.bytes)
	var produced error
	var running sync.WaitGroup
	running.Go(func() {
		defer close(queue)
		defer close(work)
		produced = produce(ctx, func(in In) error {
			s := &slot{in: in, weight: weight(in), done: make(chan struct{})}
			if err := flight.add(ctx, s.weight); err != nil {
				return err
			}
			select {
			case queue <- s:
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case work <- s:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	for range p.workers {
		running.Go(func() {
			for s := range work {
				s.out, s.err = do(ctx, s.in)
				close(s.done)
			}
		})
	}
	err := func() error {
		for s := range queue {
			select {
			case <-s.done:
			case <-ctx.Done():
				return ctx.Err()
			}
			if s.err != nil {
				return s.err
			}
			if err := take(s.out); err != nil {
				return err
			}
			flight.remove(s.weight)
		}
		return nil
	}()
	cancel()
	running.Wait()
	if err == nil {
		err = produced
	}
	return err
}

// scale weighs what is in flight.
type scale struct {
	most, now int
	mu        sync.Mutex
	lighter   chan struct{} // something was removed since the last look
}

func newScale(most int) *scale { return &scale{most: most, lighter: make(chan struct{}, 1)} }

// add waits until there is room.
func (s *scale) add(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		if s.now == 0 || s.now+n <= s.most {
			s.now += n
			s.mu.Unlock()
			return nil
		}
		s.mu.Unlock()
		select {
		case <-s.lighter:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *scale) remove(n int) {
	s.mu.Lock()
	s.now -= n
	s.mu.Unlock()
	select {
	case s.lighter <- struct{}{}:
	default:
	}
}
