package config

// Strings reads an array of strings. The results of one document are cut from few
// large pieces: a seccomp profile has hundreds of names in dozens of lists.
func (d *Decoder) Strings() []string {
	if !d.Array() {
		return nil
	}
	start := len(d.arena)
	for d.Next() {
		if len(d.arena) == cap(d.arena) {
			list := d.arena[start:]
			size := max(16, 2*len(list), min(len(d.doc)/32, 512))
			d.arena = append(make([]string, 0, size), list...)
			start = 0
		}
		d.arena = append(d.arena, d.Text())
	}
	if start == len(d.arena) {
		return []string{}
	}
	return d.arena[start:len(d.arena):len(d.arena)]
}

// List reads an array.
func List[T any](d *Decoder, element func(*Decoder, *T)) []T {
	var none []T
	return listIn(d, &none, element)
}

// listIn is List with memory to begin with. An element's own lists are of other
// types, so nobody else takes from the room meanwhile.
func listIn[T any](d *Decoder, room *[]T, element func(*Decoder, *T)) []T {
	if !d.Array() {
		return nil
	}
	list := (*room)[:0]
	for d.Next() {
		var zero T
		list = append(list, zero)
		element(d, &list[len(list)-1])
	}
	n := len(list)
	if n == 0 {
		return []T{}
	}
	if n <= cap(*room) {
		*room = (*room)[n:n]
	} else { // outgrown, and used
		*room = nil
	}
	return list[:n:n]
}

// take returns memory for one value.
func take[T any](room *[]T) *T {
	if cap(*room) == 0 {
		return new(T)
	}
	one := (*room)[:1]
	*room = one[1:]
	return &one[0]
}

// Map reads an object whose names are not fixed. It takes the memory of a map that
// was there before.
func Map[K ~string, T any](d *Decoder, m map[K]T, value func(*Decoder, *T)) map[K]T {
	if !d.Object() {
		return nil
	}
	if m == nil {
		m = map[K]T{}
	}
	clear(m)
	for n := 1; d.NextKey(); n++ {
		key, at := K(d.Key), d.keyAt
		var v T
		value(d, &v)
		if m[key] = v; len(m) < n {
			d.problem(at, twice)
			n--
		}
	}
	return m
}
