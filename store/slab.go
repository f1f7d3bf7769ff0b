package store

import "golang.org/x/sys/unix"

// mapSlab gets zeroed memory outside of Go's heap: the collector neither scans
// it nor lets as much again grow beside it, pages count only once touched, and
// it is back with the system the moment unmapSlab is called. When the system has
// no mapping left it comes from the heap.
func mapSlab(size int) (b []byte, mapped bool) {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return make([]byte, size), false
	}
	return b, true
}

// slabs are freed together.
type slabs struct {
	all    [][]byte
	mapped [][]byte
}

func (s *slabs) add(size int) []byte {
	b, mapped := mapSlab(size)
	s.all = append(s.all, b)
	if mapped {
		s.mapped = append(s.mapped, b)
	}
	return b
}

func (s *slabs) free() error {
	for _, b := range s.mapped {
		if err := unix.Munmap(b); err != nil {
			return err
		}
	}
	*s = slabs{}
	return nil
}
