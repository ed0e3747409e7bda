package main

import "math"

// summary is what the page says of a curve, in milliseconds.
type summary struct {
	trials                         int
	least, median, mean, p99, most float64
	terms                          float64 // that a trial needs, on average
	without                        int     // trials without a leader until the bound
}

func summarize(c *curve) summary {
	all := c.millis()
	s := summary{trials: len(all), least: all[0], median: quantile(all, 0.5), p99: quantile(all, 0.99), most: all[len(all)-1]}
	for i, d := range c.trials {
		s.terms += float64(d.Terms) / float64(len(all))
		s.mean += all[i] / float64(len(all))
		if math.IsInf(d.Ticks, 1) {
			s.without++
		}
	}
	return s
}

// quantile returns the smallest of the sorted values that at least a share of them do not exceed.
func quantile(sorted []float64, share float64) float64 {
	i := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}
