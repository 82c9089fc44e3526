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
	if !d.Array() {
		return nil
	}
	list := []T{}
	for d.Next() {
		if cap(list) == 0 {
			list = make([]T, 0, 4)
		}
		var zero T
		list = append(list, zero)
		element(d, &list[len(list)-1])
	}
	return list
}

// Map reads an object whose names are not fixed.
func Map[K ~string, T any](d *Decoder, value func(*Decoder, *T)) map[K]T {
	if !d.Object() {
		return nil
	}
	m := map[K]T{}
	for d.NextKey() {
		key := K(d.Key)
		if _, ok := m[key]; ok {
			d.duplicate()
		}
		var v T
		value(d, &v)
		m[key] = v
	}
	return m
}
