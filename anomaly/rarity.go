package anomaly

// Rarity turns deviations from a band into how rare they are for their series:
// the tail calibration of Calibrated, for any detector. Incidents teach it that
// incidents are normal; it is for ranking, not for monitors.
type Rarity struct {
	tails twoTails
	begun bool
}

const (
	rarityHalfLife = 5000
	rarityQuantile = 0.98
)

// Push gives the surprise of a deviation: seen about once in 10^surprise
// points, 0 for nothing of note.
func (r *Rarity) Push(sigmas float64) float64 {
	if !present(sigmas) {
		return 0
	}
	if !r.begun {
		r.tails, r.begun = twoTails{newTail(rarityHalfLife, rarityQuantile), newTail(rarityHalfLife, rarityQuantile)}, true
	}
	return r.tails.surprise(sigmas, levelAlpha)
}
