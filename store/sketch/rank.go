package sketch

// CountAtMost is how many values are at most v, to within the bin that v lies in.
func (s *Sketch) CountAtMost(v float64) (n uint64) {
	k := s.Mapping.keyOf(v)
	for i, key := range s.Keys {
		if key > k {
			break
		}
		n += s.Counts[i]
	}
	return n
}
