package fleet

import (
	"math"
	"math/rand/v2"
)

// Kind is the sort of numbers a series has.
type Kind int

const (
	Constant    Kind = iota // sizes, limits, versions
	Rate                    // events per second over 10 s: one decimal
	Latency                 // log-normal averages, full mantissa
	Slow                    // integers that rarely step
	CPU                     // jiffies/jiffies × 100, full mantissa
	Share                   // used/total of a disk: full mantissa, long runs
	Depth                   // a queue's length: a random walk near zero
	MiB                     // memory in MiB, from 4 KiB pages
	Pages                   // memory in bytes, from 4 KiB pages
	Counter                 // only grows, mostly by the same
	Load                    // load averages: two decimals
	Temperature             // one decimal, a slow walk
	Uniform                 // uniform integers from 0 to 1000: the exercise's my_metric
	Sparse                  // an event now and then, nothing between
)

// Kinds are all of them.
var Kinds = []Kind{Constant, Rate, Latency, Slow, CPU, Share, Depth, MiB, Pages, Counter, Load, Temperature, Uniform, Sparse}

func (k Kind) String() string {
	return [...]string{"constant", "rate", "latency", "slow", "cpu", "share", "depth", "mib", "pages", "counter", "load", "temperature", "uniform", "sparse"}[k]
}

// metrics are the 200 series of a host.
var metrics = []struct {
	name      string
	kind      Kind
	instances int
	key       string // of the tag that tells instances apart
}{
	{"system.cpu.num_cores", Constant, 1, ""},
	{"system.mem.total", Constant, 1, ""},
	{"system.disk.total", Constant, 5, "device"},
	{"app.pool.size", Constant, 9, "pool"},
	{"app.build.info", Constant, 20, "module"},
	{"system.net.bytes_rcvd", Rate, 4, "device"},
	{"system.net.bytes_sent", Rate, 4, "device"},
	{"system.net.packets_in.count", Rate, 4, "device"},
	{"system.io.r_s", Rate, 5, "device"},
	{"system.io.w_s", Rate, 5, "device"},
	{"app.requests", Rate, 15, "endpoint"},
	{"app.request.duration.avg", Latency, 16, "endpoint"},
	{"app.query.duration.avg", Latency, 16, "table"},
	{"system.proc.count", Slow, 6, "state"},
	{"app.pool.threads", Slow, 20, "pool"},
	{"system.cpu.user", CPU, 4, "core"},
	{"system.cpu.system", CPU, 4, "core"},
	{"system.cpu.iowait", CPU, 4, "core"},
	{"system.cpu.idle", CPU, 4, "core"},
	{"system.disk.in_use", Share, 7, "device"},
	{"system.fs.inodes.in_use", Share, 7, "device"},
	{"app.queue.depth", Depth, 12, "queue"},
	{"system.mem.used", MiB, 1, ""},
	{"system.mem.free", MiB, 1, ""},
	{"system.mem.cached", MiB, 1, ""},
	{"system.mem.buffered", MiB, 1, ""},
	{"system.mem.slab", MiB, 1, ""},
	{"system.mem.shared", MiB, 1, ""},
	{"system.mem.page_tables", MiB, 1, ""},
	{"app.heap.bytes", Pages, 6, "process"},
	{"app.events.total", Counter, 2, "queue"},
	{"app.bytes.total", Counter, 1, ""},
	{"system.load.1", Load, 1, ""},
	{"system.load.5", Load, 1, ""},
	{"system.load.15", Load, 1, ""},
	{"system.load.norm.1", Load, 1, ""},
	{"system.load.norm.5", Load, 1, ""},
	{"system.load.norm.15", Load, 1, ""},
	{"system.temperature", Temperature, 2, "sensor"},
	{"my_metric", Uniform, 1, ""},
	{"app.errors.burst", Sparse, 2, "endpoint"},
}

// generator is the state of one series. What its fields mean is the kind's.
type generator struct {
	kind               Kind
	level, scale, step float64
}

func newGenerator(k Kind, r *rand.Rand) generator {
	g := generator{kind: k}
	switch k {
	case Constant:
		g.level = math.Round(math.Exp(20 * r.Float64()))
	case Rate:
		g.level = math.Exp(3 + 4*r.Float64()) // mean, per second
	case Latency:
		g.level = math.Log(0.5) + 4*r.Float64() // of the median, ms
		g.scale = 0.3 + 0.3*r.Float64()
	case Slow:
		g.level = math.Round(10 + 200*r.Float64())
	case CPU:
		g.level = 0.05 + 0.6*r.Float64() // busy share
		g.scale = 1000                   // jiffies of a core in 10 s
	case Share:
		g.scale = math.Round(1e6 + 2e8*r.Float64()) // blocks in all
		g.level = math.Round(g.scale * (0.1 + 0.8*r.Float64()))
	case Depth:
		g.level = float64(r.IntN(20))
	case MiB:
		g.level = math.Round(1e5 + 4e6*r.Float64()) // pages
	case Pages:
		g.level = math.Round(1e4 + 1e6*r.Float64())
	case Counter:
		g.level = math.Round(1e9 * r.Float64())
		g.step = math.Round(10 + 1000*r.Float64())
	case Load:
		g.level = 4 * r.Float64()
	case Temperature:
		g.level = 40 + 30*r.Float64()
	}
	return g
}

// next gives the next sample; NaN for none.
func (g *generator) next(r *rand.Rand) float64 {
	switch g.kind {
	case Rate: // a Poisson count over 10 s, and some more noise
		mean := 10 * g.level
		return math.Round(max(0, mean+(math.Sqrt(mean)+mean/8)*r.NormFloat64())) / 10
	case Latency:
		return math.Exp(g.level + g.scale*r.NormFloat64())
	case Slow:
		if r.IntN(6) == 0 {
			g.level = max(0, g.level+float64(r.IntN(9)-4))
		}
		return g.level
	case CPU: // ticks are counted whole, and the interval is never quite 10 s
		g.step = 0.9*g.step + 0.03*r.NormFloat64()
		total := g.scale + float64(r.IntN(3)-1)
		busy := math.Round(total * min(1, max(0, g.level*(1+g.step)+0.02*r.NormFloat64())))
		return busy / total * 100
	case Share:
		if r.IntN(8) == 0 {
			g.level = min(g.scale, max(0, g.level+math.Round(400*r.NormFloat64())))
		}
		return g.level / g.scale
	case Depth:
		g.level = max(0, math.Round(0.98*g.level+0.3+1.8*r.NormFloat64()))
		return g.level
	case MiB:
		g.level = max(0, g.level+math.Round(700*r.NormFloat64()))
		return g.level * 4096 / (1 << 20)
	case Pages:
		g.level = max(0, g.level+math.Round(700*r.NormFloat64()))
		return g.level * 4096
	case Counter:
		if r.IntN(6) == 0 {
			g.level += math.Round(g.step * r.Float64())
		} else {
			g.level += g.step
		}
		return g.level
	case Load:
		g.level = max(0, 0.995*g.level+0.01+0.05*r.NormFloat64())
		return math.Round(100*g.level) / 100
	case Temperature:
		g.level = 0.99*g.level + 0.5 + 0.2*r.NormFloat64()
		return math.Round(10*g.level) / 10
	case Uniform:
		return float64(r.IntN(1001))
	case Sparse:
		if r.IntN(500) != 0 {
			return math.NaN()
		}
		return float64(1 + r.IntN(50))
	default: // Constant
		return g.level
	}
}
