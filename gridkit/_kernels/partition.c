/* Balanced, compact, connected groups on a graph of areas.
 *
 * Each zone of the graph is divided by itself: recursive bisection along random trees gives as many
 * connected groups as asked, then annealed moves and swaps across the borders between groups trade
 * balance against shape. Every step keeps every group connected and not empty, and locked nodes in
 * groups of their own. plain_partition.py is the same in Python, to the last label: chance comes
 * from whole numbers (splitmix64), temperatures and logarithms from tables, and sums run in the
 * same order, with no product contracted into them.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_MSC_VER)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

#define LOGS 4096
#define HUGE_SCORE 1e300
#define OVER 50.0 /* what a whole mean group beyond the cap costs */
#define TWO_CIRCLES 2.0 /* no two groups have a shape that costs less */
#define MOST_KINDS 8

typedef struct {
    const int64_t *zone;     /* first node of each zone, and the end */
    const int64_t *first;    /* first edge of each node, and the end */
    const int32_t *near;     /* where each edge leads */
    const int32_t *start;    /* where it starts */
    const int32_t *back;     /* the same edge the other way round */
    const double *border;    /* its length */
    const double *weight;    /* nodes x kinds; 1 = a mean group of the zone */
    const double *mass;      /* mean over the kinds */
    const double *area;      /* such that outline / sqrt(area) of a circle is 1 */
    const double *outline;
    const double *stay;      /* what it costs that a node leaves its old group */
    const int32_t *lock;     /* 1: no group may hold two such nodes */
    const int32_t *old;
    int64_t kinds;           /* of weight */
    double balance;          /* what unevenness costs beside shape */
    const double *cap;       /* of each zone: most of the first kind of weight */
    const double *warmth;    /* of each zone: scale of the temperature */
    const int64_t *steps;    /* of each zone: steps in each stage */
    const int64_t *rounds;   /* of each zone: how often it is divided; the best is kept */
    const int64_t *trees;    /* of each zone: random trees tried for each bisection */
    const double *heat;      /* temperature of each stage */
    const double *logs;      /* -log of (i + 1/2) / LOGS */
    int64_t stages;
} problem;

typedef struct {
    uint64_t state;
} source;

static uint64_t draw(source *s) {
    uint64_t z = (s->state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* A number below n from 32 of the bits of r. */
static int64_t below(uint64_t r, int64_t n) {
    return (int64_t)(((r >> 32) * (uint64_t)n) >> 32);
}

typedef struct {
    const problem *p;
    int64_t lo;              /* first node of the zone */
    int32_t *label;
    int64_t k;
    double cap;
    double *load, *area, *outline, *cost;
    int32_t *size, *locked;
    int32_t *cut, *place;    /* edges between groups; where each edge stands there */
    int64_t cuts;
    int64_t *mark;           /* tick of the latest search that met a node */
    int64_t tick;
    int32_t *queue;
} search;

/* ---- the start: recursive bisection along random trees ----------------------------------------- */

typedef struct {
    int32_t *nodes, *order, *parent, *count, *frontier, *above, *side, *best;
    int32_t *locks;
    double *sum;
    int64_t *member;         /* which call a node belongs to */
    int64_t *seen;
    int64_t call, tree;
} bisection;

static void grow(const problem *p, bisection *t, const int32_t *nodes, int64_t n, int compact,
                 source *s) {
    int64_t head = 0, tail = 1, done = 0;
    t->tree++;
    t->frontier[0] = nodes[below(draw(s), n)];
    t->above[0] = -1;
    while (done < n) {
        int64_t wide = tail - head;
        int64_t pick = head + below(draw(s), compact && wide > 4 ? 4 : wide);
        int32_t v = t->frontier[pick], a = t->above[pick];
        t->frontier[pick] = t->frontier[head];
        t->above[pick] = t->above[head];
        head++;
        if (t->seen[v] == t->tree) continue;
        t->seen[v] = t->tree;
        t->parent[v] = a;
        t->order[done++] = v;
        for (int64_t e = p->first[v]; e < p->first[v + 1]; e++) {
            int32_t u = p->near[e];
            if (t->member[u] == t->call && t->seen[u] != t->tree) {
                t->frontier[tail] = u;
                t->above[tail++] = v;
            }
        }
    }
}

/* The tree's most balanced edge: error, lower end and number of groups below it. */
static double best_edge(const problem *p, bisection *t, int64_t n, int64_t k, int32_t *top,
                        int64_t *taken) {
    double best = HUGE_SCORE;
    for (int64_t q = 0; q < n; q++) {
        int32_t v = t->order[q];
        t->sum[v] = p->mass[v];
        t->count[v] = 1;
        t->locks[v] = p->lock[v];
    }
    for (int64_t q = n - 1; q > 0; q--) {
        int32_t v = t->order[q], a = t->parent[v];
        t->sum[a] += t->sum[v];
        t->count[a] += t->count[v];
        t->locks[a] += t->locks[v];
    }
    int32_t root = t->order[0];
    double unit = t->sum[root] / (double)k;
    for (int64_t q = 1; q < n; q++) {
        int32_t v = t->order[q];
        double share = unit > 0 ? t->sum[v] / unit : (double)(t->count[v] * k) / (double)n;
        int64_t least = t->locks[v] > 1 ? t->locks[v] : 1;
        int64_t rest = t->locks[root] - t->locks[v];
        int64_t most = k - (rest > 1 ? rest : 1);
        if (k - (n - t->count[v]) > least) least = k - (n - t->count[v]);
        if (t->count[v] < most) most = t->count[v];
        if (least > most) continue;
        int64_t m = (int64_t)(share + 0.5);
        if (m < least) m = least;
        if (m > most) m = most;
        int64_t other = k - m, small = m < other ? m : other;
        double error = share > (double)m ? share - (double)m : (double)m - share;
        double lean = (double)m / (double)k - 0.5;
        error = error / (double)small + 0.15 * (lean > 0 ? lean : -lean);
        if (error < best) {
            best = error;
            *top = v;
            *taken = m;
        }
    }
    return best;
}

static void bisect(const problem *p, bisection *t, int32_t *nodes, int64_t n, int64_t k,
                   int64_t trees, source *s, int64_t *cut_nodes, int64_t *cut_groups) {
    double best = HUGE_SCORE;
    t->call++;
    for (int64_t q = 0; q < n; q++) t->member[nodes[q]] = t->call;
    for (int64_t tree = 0; tree < trees; tree++) {
        int32_t top = -1;
        int64_t taken = 0;
        grow(p, t, nodes, n, tree % 2 == 0, s);
        double error = best_edge(p, t, n, k, &top, &taken);
        for (int64_t q = 0; q < n; q++) t->side[t->order[q]] = 0;
        t->side[top] = 1;
        double length = 0.0;
        for (int64_t q = 1; q < n; q++) {
            int32_t v = t->order[q];
            if (t->side[t->parent[v]]) t->side[v] = 1;
        }
        for (int64_t q = 0; q < n; q++) {
            int32_t v = nodes[q];
            if (!t->side[v]) continue;
            for (int64_t e = p->first[v]; e < p->first[v + 1]; e++) {
                int32_t u = p->near[e];
                if (t->member[u] == t->call && !t->side[u]) length += p->border[e];
            }
        }
        double score = 3.0 * error + length / sqrt((double)k);
        if (score < best) {
            best = score;
            *cut_groups = taken;
            for (int64_t q = 0; q < n; q++) t->best[nodes[q]] = t->side[nodes[q]];
        }
    }
    int64_t head = 0, tail = 0;
    for (int64_t q = 0; q < n; q++) {
        int32_t v = nodes[q];
        if (t->best[v]) nodes[head++] = v;
        else t->order[tail++] = v;
    }
    for (int64_t q = 0; q < tail; q++) nodes[head + q] = t->order[q];
    *cut_nodes = head;
}

static void begin(const problem *p, bisection *t, int64_t z, int64_t k, int32_t *label, source *s) {
    int64_t lo = p->zone[z], n = p->zone[z + 1] - lo;
    /* todo: node ranges still to be divided, as first, number and groups; depth below 64 as the
     * smaller part is always put on top */
    int64_t todo[64][3], open = 1, done = 0;
    int32_t *nodes = t->nodes;
    for (int64_t q = 0; q < n; q++) nodes[q] = (int32_t)(lo + q);
    todo[0][0] = 0, todo[0][1] = n, todo[0][2] = k;
    while (open > 0) {
        open--;
        int64_t at = todo[open][0], m = todo[open][1], parts = todo[open][2];
        if (parts == 1) {
            for (int64_t q = at; q < at + m; q++) label[nodes[q]] = (int32_t)done;
            done++;
            continue;
        }
        int64_t some = 0, taken = 0;
        bisect(p, t, nodes + at, m, parts, p->trees[z], s, &some, &taken);
        int64_t big = 2 * taken > parts;
        todo[open][0] = big ? at : at + some;
        todo[open][1] = big ? some : m - some;
        todo[open][2] = big ? taken : parts - taken;
        open++;
        todo[open][0] = big ? at + some : at;
        todo[open][1] = big ? m - some : some;
        todo[open][2] = big ? parts - taken : taken;
        open++;
    }
}

/* ---- the search: annealed moves and swaps ------------------------------------------------------ */

/* What the load of a group costs; its shape costs outline / sqrt(area), 1 for a circle. */
static inline double uneven_of(const search *w, const double *load, int64_t kinds) {
    const problem *p = w->p;
    double uneven = 0.0;
    for (int64_t m = 0; m < kinds; m++) {
        double off = load[m] - 1.0;
        uneven += off * off;
    }
    double cost = p->balance * uneven;
    if (load[0] > w->cap) cost += OVER * (load[0] - w->cap);
    return cost;
}

static void enter(search *w, int32_t e) {
    w->place[e] = (int32_t)w->cuts;
    w->cut[w->cuts++] = e;
}

static void leave(search *w, int32_t e) {
    int32_t at = w->place[e], last = w->cut[--w->cuts];
    w->cut[at] = last;
    w->place[last] = at;
}

/* Gives node b to group `to` in the labels and the list of cut edges. */
static void hand(search *w, int32_t b, int32_t to) {
    const problem *p = w->p;
    int32_t here = w->label[b];
    w->label[b] = to;
    for (int64_t e = p->first[b]; e < p->first[b + 1]; e++) {
        int32_t other = w->label[p->near[e]];
        if (other == here) {
            enter(w, (int32_t)e);
            enter(w, p->back[e]);
        } else if (other == to) {
            leave(w, (int32_t)e);
            leave(w, p->back[e]);
        }
    }
}

/* Whether the members of group g next to `around` hang together, with `start` too when it is not
 * negative. */
static int whole(search *w, int32_t around, int32_t g, int32_t start) {
    const problem *p = w->p;
    int64_t missing = 0, target = ++w->tick, met = ++w->tick;
    for (int64_t e = p->first[around]; e < p->first[around + 1]; e++) {
        int32_t u = p->near[e];
        if (w->label[u] != g || u == start) continue;
        if (start < 0) {
            start = u;
            continue;
        }
        w->mark[u] = target;
        missing++;
    }
    if (missing == 0) return 1;
    int64_t head = 0, tail = 1;
    w->queue[0] = start;
    w->mark[start] = met;
    w->mark[around] = met;
    while (head < tail) {
        int32_t v = w->queue[head++];
        for (int64_t e = p->first[v]; e < p->first[v + 1]; e++) {
            int32_t u = p->near[e];
            if (w->label[u] != g || w->mark[u] == met) continue;
            if (w->mark[u] == target && --missing == 0) return 1;
            w->mark[u] = met;
            w->queue[tail++] = u;
        }
    }
    return 0;
}

/* Border of b with group g, without its neighbour `but`. */
static double common(const search *w, int32_t b, int32_t g, int32_t but) {
    const problem *p = w->p;
    double length = 0.0;
    for (int64_t e = p->first[b]; e < p->first[b + 1]; e++)
        if (w->label[p->near[e]] == g && p->near[e] != but) length += p->border[e];
    return length;
}

static void settle(search *w, int32_t g, const double *load, int64_t kinds, double area,
                   double outline, double cost) {
    for (int64_t m = 0; m < kinds; m++) w->load[g * kinds + m] = load[m];
    w->area[g] = area;
    w->outline[g] = outline;
    w->cost[g] = cost;
}

/* What it costs more that node b goes: it has left, or comes back to, its old group. */
static double longing(const problem *p, int32_t b, int32_t here, int32_t there) {
    return p->stay[b] * ((double)(p->old[b] != there) - (double)(p->old[b] != here));
}

/* Moves node b to group `to` when the cost rises by no more than `most`. */
static inline int move(search *w, int32_t b, int32_t to, double most, int64_t m) {
    const problem *p = w->p;
    int32_t here = w->label[b];
    double give[MOST_KINDS], take[MOST_KINDS];
    if (w->size[here] == 1 || (p->lock[b] && w->locked[to])) return 0;
    for (int64_t q = 0; q < m; q++) {
        give[q] = w->load[here * m + q] - p->weight[b * m + q];
        take[q] = w->load[to * m + q] + p->weight[b * m + q];
    }
    double cost1 = uneven_of(w, give, m), cost2 = uneven_of(w, take, m);
    double rise = longing(p, b, here, to) - w->cost[here] - w->cost[to];
    if (cost1 + cost2 + TWO_CIRCLES + rise > most) return 0;
    double in = 0.0, out = 0.0;
    for (int64_t e = p->first[b]; e < p->first[b + 1]; e++) {
        int32_t g = w->label[p->near[e]];
        if (g == here) in += p->border[e];
        else if (g == to) out += p->border[e];
    }
    double area1 = w->area[here] - p->area[b], area2 = w->area[to] + p->area[b];
    double outline1 = w->outline[here] - p->outline[b] + 2.0 * in;
    double outline2 = w->outline[to] + p->outline[b] - 2.0 * out;
    cost1 += outline1 / sqrt(area1);
    cost2 += outline2 / sqrt(area2);
    if (cost1 + cost2 + rise > most || !whole(w, b, here, -1)) return 0;
    settle(w, here, give, m, area1, outline1, cost1);
    settle(w, to, take, m, area2, outline2, cost2);
    w->size[here]--, w->size[to]++;
    w->locked[here] -= p->lock[b], w->locked[to] += p->lock[b];
    hand(w, b, to);
    return 1;
}

/* Exchanges nodes b and c of two groups on the same terms. */
static inline void swap(search *w, int32_t b, int32_t c, double most, int64_t m) {
    const problem *p = w->p;
    int32_t here = w->label[b], there = w->label[c];
    double one[MOST_KINDS], two[MOST_KINDS];
    if (w->locked[here] - p->lock[b] + p->lock[c] > 1) return;
    if (w->locked[there] - p->lock[c] + p->lock[b] > 1) return;
    for (int64_t q = 0; q < m; q++) {
        double x = p->weight[c * m + q] - p->weight[b * m + q];
        one[q] = w->load[here * m + q] + x;
        two[q] = w->load[there * m + q] - x;
    }
    double cost1 = uneven_of(w, one, m), cost2 = uneven_of(w, two, m);
    double rise = longing(p, b, here, there) + longing(p, c, there, here) - w->cost[here] -
                  w->cost[there];
    if (cost1 + cost2 + TWO_CIRCLES + rise > most) return;
    double c_here = common(w, c, here, b), b_there = common(w, b, there, c);
    if ((c_here == 0.0 && w->size[here] > 1) || (b_there == 0.0 && w->size[there] > 1)) return;
    double x = p->area[c] - p->area[b];
    double area1 = w->area[here] + x, area2 = w->area[there] - x;
    double outline1 = w->outline[here] - p->outline[b] + 2.0 * common(w, b, here, -1) +
                      p->outline[c] - 2.0 * c_here;
    double outline2 = w->outline[there] - p->outline[c] + 2.0 * common(w, c, there, -1) +
                      p->outline[b] - 2.0 * b_there;
    cost1 += outline1 / sqrt(area1);
    cost2 += outline2 / sqrt(area2);
    if (cost1 + cost2 + rise > most) return;
    w->label[b] = there, w->label[c] = here;
    int sound = whole(w, b, here, c) && whole(w, c, there, b);
    w->label[b] = here, w->label[c] = there;
    if (!sound) return;
    settle(w, here, one, m, area1, outline1, cost1);
    settle(w, there, two, m, area2, outline2, cost2);
    w->locked[here] += p->lock[c] - p->lock[b];
    w->locked[there] += p->lock[b] - p->lock[c];
    hand(w, b, there);
    hand(w, c, here);
}

static inline void anneal_kinds(search *w, int64_t z, source *s, int64_t kinds) {
    const problem *p = w->p;
    for (int64_t stage = 0; stage < p->stages; stage++) {
        double heat = p->heat[stage] * p->warmth[z];
        for (int64_t step = 0; step < p->steps[z]; step++) {
            uint64_t r = draw(s), t = draw(s);
            if (w->cuts == 0) return;
            int32_t e = w->cut[below(r, w->cuts)];
            int32_t b = p->start[e], u = p->near[e], to = w->label[u];
            double most = heat * p->logs[t % LOGS];
            if (move(w, b, to, most, kinds)) continue;
            int32_t c = u;
            if (r & 1) {
                c = p->near[p->first[u] + below(t, p->first[u + 1] - p->first[u])];
                if (w->label[c] != to) continue;
            }
            swap(w, b, c, most, kinds);
        }
    }
}

/* One kind of weight is the rule, so its loops are compiled away. */
static void anneal(search *w, int64_t z, source *s) {
    if (w->p->kinds == 1) anneal_kinds(w, z, s, 1);
    else anneal_kinds(w, z, s, w->p->kinds);
}

static void weigh(search *w, int64_t n) {
    const problem *p = w->p;
    int64_t m = p->kinds, k = w->k;
    memset(w->load, 0, (size_t)(k * m) * sizeof *w->load);
    for (int64_t g = 0; g < k; g++) {
        w->area[g] = w->outline[g] = 0.0;
        w->size[g] = w->locked[g] = 0;
    }
    w->cuts = 0;
    for (int64_t v = w->lo; v < w->lo + n; v++) {
        int32_t g = w->label[v];
        for (int64_t q = 0; q < m; q++) w->load[g * m + q] += p->weight[v * m + q];
        w->area[g] += p->area[v];
        w->outline[g] += p->outline[v];
        w->size[g]++;
        w->locked[g] += p->lock[v];
        for (int64_t e = p->first[v]; e < p->first[v + 1]; e++) {
            if (w->label[p->near[e]] == g) w->outline[g] -= p->border[e];
            else enter(w, (int32_t)e);
        }
    }
    for (int64_t g = 0; g < k; g++)
        w->cost[g] = uneven_of(w, w->load + g * m, m) + w->outline[g] / sqrt(w->area[g]);
}

/* Divides each zone into seats[z] groups, 0 ... seats[z] - 1; `warm`: begins with the labels as they
 * are. Returns 1 where memory runs out. */
API int gk_divide(const problem *p, int64_t zones, const int64_t *seats, const uint64_t *seed,
                  int64_t warm, int32_t *label) {
    int64_t n = p->zone[zones], edges = p->first[n], wide = 0, wide_k = 0, wide_e = 0;
    for (int64_t z = 0; z < zones; z++) {
        int64_t lo = p->zone[z], hi = p->zone[z + 1], e = p->first[hi] - p->first[lo];
        if (hi - lo > wide) wide = hi - lo;
        if (seats[z] > wide_k) wide_k = seats[z];
        if (e > wide_e) wide_e = e;
    }
    size_t N = (size_t)n + 1, E = (size_t)edges + 1, K = (size_t)wide_k + 1;
    size_t W = (size_t)wide + 1, F = (size_t)wide_e + 2;
    int32_t *ints = calloc(6 * N + 3 * W + 2 * F + E + 2 * K, sizeof *ints);
    int64_t *longs = calloc(3 * N, sizeof *longs);
    double *reals = calloc(N + K * ((size_t)p->kinds + 3), sizeof *reals);
    int failed = !ints || !longs || !reals;
    if (!failed) {
        int32_t *i = ints;
        bisection t = {0};
        search w = {0};
        t.parent = i, i += N;
        t.count = i, i += N;
        t.side = i, i += N;
        t.best = i, i += N;
        t.locks = i, i += N;
        t.nodes = i, i += W;
        t.order = i, i += W;
        t.frontier = i, i += F;
        t.above = i, i += F;
        w.queue = i, i += N;
        int32_t *best = i;
        i += W;
        w.cut = t.frontier; /* the start is over when the search begins */
        w.place = i, i += E;
        w.size = i, i += K;
        w.locked = i, i += K;
        t.member = longs, t.seen = longs + N, w.mark = longs + 2 * N;
        t.sum = reals;
        w.load = reals + N;
        w.area = w.load + K * (size_t)p->kinds;
        w.outline = w.area + K;
        w.cost = w.outline + K;
        w.p = p;
        w.label = label;
        for (int64_t z = 0; z < zones; z++) {
            source s = {seed[z]};
            int64_t lo = p->zone[z], nodes = p->zone[z + 1] - lo;
            double least = HUGE_SCORE;
            w.lo = lo, w.k = seats[z], w.cap = p->cap[z];
            for (int64_t round = 0; round < p->rounds[z]; round++) {
                if (!warm) begin(p, &t, z, seats[z], label, &s);
                if (seats[z] == 1 || seats[z] == nodes) break;
                weigh(&w, nodes);
                anneal(&w, z, &s);
                double cost = 0.0;
                for (int64_t g = 0; g < seats[z]; g++) cost += w.cost[g];
                if (cost < least) {
                    least = cost;
                    memcpy(best, label + lo, (size_t)nodes * sizeof *best);
                }
            }
            if (least < HUGE_SCORE) memcpy(label + lo, best, (size_t)nodes * sizeof *best);
        }
    }
    free(ints);
    free(longs);
    free(reals);
    return failed;
}
