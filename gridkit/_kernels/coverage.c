/* A coverage of cells on a bucket raster: the build of the index, the owner of a point, the border
 * near it.
 *
 * Plain C without Python.h: built as a shared library and called through ctypes, which lets other
 * threads run meanwhile. plain.py is the same in numpy, to the last bit.
 *
 * Every edge is turned upward (by > ay, or level and bx > ax) and names the cell on its right and the
 * cell on its left, as position + 1, 0 for none. Going east over an edge adds packed(right) -
 * packed(left), packed(v) = v + 2^32 for v > 0, so one sum gives how many cells hold the point (high
 * half) and which (low half). The plane is cut into buckets on multiples of a power of two, which
 * doubles hold exactly, the closer the more vertices there are. A bucket is one cell, nothing, or one record: a head (edges << 48 | sum at the
 * bucket's lower left corner), then all ax, all ay, all bx, all by and all sides (right << 33 |
 * left << 2 | flag) of its edges.
 *
 * A point counts as shifted by (eps, eps^2): on an edge it lies right of it, on a level edge above
 * it. The sign of a turn comes from doubles when Shewchuk's bound allows it, from an exact expansion
 * otherwise; with vertices 0 or of magnitude 2^-300 to 2^100 nothing under- or overflows.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_MSC_VER)
#define API __declspec(dllexport)
#define PREFETCH(p)
#define RARELY(c) (c)
#define INSIDE static __forceinline
#else
#define API __attribute__((visibility("default")))
#define PREFETCH(p) __builtin_prefetch(p)
#define RARELY(c) __builtin_expect(!!(c), 0)
#define INSIDE static inline __attribute__((always_inline))
#endif

/* The loops over many points exist twice, for processors with and without AVX2; both give the same
 * bits, as no product is contracted into a sum. What they call is compiled into them (INSIDE). */
#if defined(__GNUC__) && defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

#define OUTSIDE (-1)
#define OVERLAP (-2)
#define SCALE 0x1p400
#define BOUND 3.3306690738754716e-16
#define TINY 1e-300
#define BLOCK 128
#define SUM 0xffffffffffffLL
#define MOST_EDGES 0x7fff

/* Fine columns and rows on power-of-two lines; neighbouring ones make a column or row of buckets. */
typedef struct {
    double sx, sy;               /* fine columns and rows a metre: powers of two */
    int64_t j0, i0;              /* number of the first */
    int64_t fx, fy;              /* how many */
    int64_t nx, ny;              /* columns and rows of buckets */
    const int32_t *column, *row; /* of each fine one */
    const double *x, *y;         /* lines between buckets: nx + 1, ny + 1 */
} raster;

typedef struct {
    double ax, ay, bx, by;
    int32_t right, left; /* cell + 1, 0: none */
} side;

/* ---- signs ------------------------------------------------------------------------------- */

/* Sign of (a - p) x (b - p), exact: six products of two terms each, summed as one expansion. */
static int turn_exact(double ax, double ay, double bx, double by, double px, double py)
{
    double u[6] = {ax, -ay, bx, -by, px, -py}, v[6] = {by, bx, py, px, ay, ax}, h[12];
    int n = 0;
    for (int k = 0; k < 6; k++) {
        double a = u[k] * SCALE, b = v[k] * SCALE, p = a * b, term[2] = {fma(a, b, -p), p};
        for (int w = 0; w < 2; w++) {
            double q = term[w];
            for (int i = 0; i < n; i++) {
                double s = q + h[i], t = s - q;
                h[i] = (q - (s - t)) + (h[i] - t);
                q = s;
            }
            h[n++] = q;
        }
    }
    for (int i = n - 1; i >= 0; i--)
        if (h[i] != 0) return h[i] > 0 ? 1 : -1;
    return 0;
}

static inline int right_or_on(double ax, double ay, double bx, double by, double px, double py)
{
    double l = (ax - px) * (by - py), r = (ay - py) * (bx - px), turn = l - r;
    if (RARELY(fabs(turn) <= BOUND * (fabs(l) + fabs(r)) + TINY))
        return turn_exact(ax, ay, bx, by, px, py) <= 0;
    return turn < 0;
}

static inline int64_t packed(int64_t v) { return v + ((int64_t)(v > 0) << 32); }

static inline int64_t step(const side *e) { return packed(e->right) - packed(e->left); }

/* ---- build ------------------------------------------------------------------------------- */

/* 1 when a closed ring of n points (the first not repeated) runs anticlockwise: judged at its
 * lowest, then leftmost vertex, where the turn cannot lie. */
static int anticlockwise(const double *xy, int64_t n)
{
    int64_t low = 0;
    for (int64_t i = 1; i < n; i++)
        if (xy[2 * i + 1] < xy[2 * low + 1] ||
            (xy[2 * i + 1] == xy[2 * low + 1] && xy[2 * i] < xy[2 * low]))
            low = i;
    const double *b = xy + 2 * low, *a = b, *c = b;
    for (int64_t k = 1; k < n && a[0] == b[0] && a[1] == b[1]; k++) a = xy + 2 * ((low + n - k) % n);
    for (int64_t k = 1; k < n && c[0] == b[0] && c[1] == b[1]; k++) c = xy + 2 * ((low + k) % n);
    return turn_exact(a[0], a[1], b[0], b[1], c[0], c[1]) > 0;
}

static uint64_t hash(const side *e)
{
    const double *c = &e->ax;
    uint64_t h = 0x9E3779B97F4A7C15u, bits;
    for (int k = 0; k < 4; k++) {
        memcpy(&bits, c + k, sizeof bits);
        h = (h ^ bits) * 0xBF58476D1CE4E5B9u;
        h ^= h >> 29;
    }
    return h ^ (h >> 32);
}

/* Put an edge where its twin waits with that side free; else append it. Returns the new count. */
static int64_t join(side *edges, int64_t n, int32_t *slot, uint64_t mask, const side *e)
{
    for (uint64_t s = hash(e) & mask;; s = (s + 1) & mask) {
        if (slot[s] < 0) {
            slot[s] = (int32_t)n;
            edges[n] = *e;
            return n + 1;
        }
        side *f = edges + slot[s];
        if (f->ax != e->ax || f->ay != e->ay || f->bx != e->bx || f->by != e->by) continue;
        if (e->right && !f->right) { f->right = e->right; return n; }
        if (e->left && !f->left) { f->left = e->left; return n; }
    }
}

/* Edges of all rings, twins joined. Coordinates hold no -0.0. Returns how many, -1 without memory. */
API int64_t gk_edges(const double *xy, const int64_t *start, const int32_t *cell,
                     const uint8_t *hole, int64_t rings, side *edges)
{
    uint64_t size = 16;
    while (size < 2 * (uint64_t)start[rings]) size *= 2;
    int32_t *slot = malloc(size * sizeof *slot);
    if (!slot) return -1;
    memset(slot, 0xff, size * sizeof *slot);
    int64_t n = 0;
    for (int64_t r = 0; r < rings; r++) {
        const double *p = xy + 2 * start[r];
        int64_t count = start[r + 1] - start[r] - 1;
        int cell_left = anticlockwise(p, count) != hole[r];
        for (int64_t i = 0; i < count; i++, p += 2) {
            if (p[0] == p[2] && p[1] == p[3]) continue;
            int up = p[3] > p[1] || (p[3] == p[1] && p[2] > p[0]), left = cell_left == up;
            side e = {p[up ? 0 : 2], p[up ? 1 : 3], p[up ? 2 : 0], p[up ? 3 : 1],
                      left ? 0 : cell[r] + 1, left ? cell[r] + 1 : 0};
            n = join(edges, n, slot, size - 1, &e);
        }
    }
    free(slot);
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++)
        if (edges[i].right != edges[i].left) edges[kept++] = edges[i];
    return kept;
}

static inline int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

static inline double least(double a, double b) { return a < b ? a : b; }
static inline double most(double a, double b) { return a > b ? a : b; }

/* Bucket column (or row) of a place measured in fine columns from zero; that of the nearest one
 * outside the raster. */
static inline int64_t part_of(const int32_t *part, double v, int64_t first, int64_t n)
{
    return part[(int64_t)least(most(floor(v) - (double)first, 0), (double)(n - 1))];
}

static inline int64_t column_of(const raster *g, double u)
{
    return part_of(g->column, u, g->j0, g->fx);
}

static inline int64_t row_of(const raster *g, double v) { return part_of(g->row, v, g->i0, g->fy); }

static inline void rows_of(const raster *g, const side *e, int64_t *first, int64_t *last)
{
    *first = row_of(g, e->ay * g->sy);
    *last = row_of(g, e->by * g->sy);
}

/* Columns of the buckets of row i that the edge may touch: a few too many, never too few. A bucket
 * that the edge only touches from the west is left out: the point lies east of it there. */
static inline void columns_of(const raster *g, const side *e, int64_t i, int64_t first,
                              int64_t last, int64_t *from, int64_t *to)
{
    double u0 = e->ax * g->sx, u1 = e->bx * g->sx;
    double low = least(u0, u1), high = most(u0, u1);
    int64_t reach = column_of(g, ceil(high) - 1);
    if (first != last) {
        double v0 = e->ay * g->sy, rise = e->by * g->sy - v0;
        double t0 = least(most((g->y[i] * g->sy - v0) / rise, 0), 1);
        double t1 = least(most((g->y[i + 1] * g->sy - v0) / rise, 0), 1);
        double a = u0 + t0 * (u1 - u0), b = u0 + t1 * (u1 - u0);
        double slack = 1e-6 + 1e-15 * (fabs(u0) + fabs(u1));
        low = most(least(a, b) - slack, low);
        high = least(most(a, b) + slack, high);
    }
    *from = column_of(g, low);
    *to = column_of(g, high);
    if (*to > reach) *to = reach;
    if (*from > *to) *from = *to;
}

/* Count the edges of each bucket; sum the steps west of each bucket's lower left corner. Returns
 * the words that the records take. */
API int64_t gk_plan(const side *edges, int64_t n, const raster *g, int32_t *count, int64_t *corner)
{
    for (int64_t k = 0; k < n; k++) {
        const side *e = edges + k;
        int64_t first, last, from, to;
        rows_of(g, e, &first, &last);
        for (int64_t i = first; i <= last; i++) {
            columns_of(g, e, i, first, last, &from, &to);
            for (int64_t j = from; j <= to; j++) count[i * g->nx + j]++;
        }
        int64_t i = row_of(g, e->ay * g->sy);
        for (i += g->y[i] < e->ay; i < g->ny && g->y[i] < e->by; i++) { /* lines ay <= y < by */
            double y = g->y[i], x = e->ax + (y - e->ay) / (e->by - e->ay) * (e->bx - e->ax);
            int64_t j = column_of(g, x * g->sx);
            while (j > 0 && right_or_on(e->ax, e->ay, e->bx, e->by, g->x[j - 1], y)) j--;
            while (j < g->nx && !right_or_on(e->ax, e->ay, e->bx, e->by, g->x[j], y)) j++;
            if (j < g->nx) corner[i * g->nx + j] += step(e);
        }
    }
    int64_t words = 0;
    for (int64_t i = 0; i < g->ny; i++) {
        int64_t sum = 0, *row = corner + i * g->nx;
        const int32_t *edges_of = count + i * g->nx;
        for (int64_t j = 0; j < g->nx; j++) {
            row[j] = sum += row[j];
            if (edges_of[j] || (sum && sum >> 32 != 1)) words += 1 + 5 * (int64_t)edges_of[j];
        }
    }
    return words;
}

/* Write one edge into its bucket's record; correct the sum at the corner where the edge passes the
 * bucket's left side: beyond its ends the end to the east decides (flag 1: counts below the edge,
 * flag 2: counts above it). */
static void put(const side *e, const raster *g, int64_t i, int64_t j, int64_t *head, int64_t at)
{
    double x = g->x[j], y = g->y[i];
    int flag = least(e->ax, e->bx) > x ? 0 : e->bx > e->ax ? 1 : 2;
    if (flag) {
        int counted = y < e->ay   ? flag == 1
                      : y >= e->by ? flag == 2
                                   : right_or_on(e->ax, e->ay, e->bx, e->by, x, y);
        if (counted) {
            int64_t sum = (int64_t)((uint64_t)*head << 16) >> 16;
            *head = (*head & ~SUM) | ((sum - step(e)) & SUM);
        }
    }
    int64_t n = *head >> 48, *w = head + 1 + at;
    memcpy(w, &e->ax, sizeof(double));
    memcpy(w + n, &e->ay, sizeof(double));
    memcpy(w + 2 * n, &e->bx, sizeof(double));
    memcpy(w + 3 * n, &e->by, sizeof(double));
    w[4 * n] = (int64_t)((uint64_t)e->right << 33 | (uint64_t)e->left << 2 | (uint64_t)flag);
}

/* Lay out bucket codes and records; `count` is used up. -1: a bucket has too many edges. */
API int gk_fill(const side *edges, int64_t n, const raster *g, int32_t *count,
                const int64_t *corner, int32_t *code, int64_t *record)
{
    int64_t at = 0;
    for (int64_t q = 0; q < g->nx * g->ny; q++) {
        int64_t sum = corner[q];
        if (count[q] || (sum && sum >> 32 != 1)) {
            if (count[q] > MOST_EDGES) return -1;
            code[q] = (int32_t)(-2 - at);
            record[at] = (int64_t)((uint64_t)count[q] << 48) | (sum & SUM);
            at += 1 + 5 * (int64_t)count[q];
        } else {
            code[q] = (int32_t)(sum & 0xffffffff) - 1;
        }
        count[q] = 0;
    }
    for (int64_t k = 0; k < n; k++) {
        int64_t first, last, from, to;
        rows_of(g, edges + k, &first, &last);
        for (int64_t i = first; i <= last; i++) {
            columns_of(g, edges + k, i, first, last, &from, &to);
            for (int64_t j = from; j <= to; j++) {
                int64_t q = i * g->nx + j;
                put(edges + k, g, i, j, record + (-2 - (int64_t)code[q]), count[q]++);
            }
        }
    }
    return 0;
}

/* ---- owner of a point -------------------------------------------------------------------- */

static inline int32_t settle(const int64_t *record, double px, double py)
{
    int64_t sum = (int64_t)((uint64_t)record[0] << 16) >> 16, n = record[0] >> 48;
    const double *ax = (const double *)(record + 1), *ay = ax + n, *bx = ay + n, *by = bx + n;
    const int64_t *sides = record + 1 + 4 * n;
    int64_t unsure = 0;
    for (int64_t k = 0; k < n; k++) {
        double l = (ax[k] - px) * (by[k] - py), r = (ay[k] - py) * (bx[k] - px), turn = l - r;
        double bound = BOUND * (fabs(l) + fabs(r)) + TINY;
        int64_t below = py < ay[k], above = py >= by[k], across = 1 - below - above;
        int64_t hit = (below & sides[k]) | (above & (sides[k] >> 1)) | (across & (turn < 0));
        int64_t right = (int64_t)((uint64_t)sides[k] >> 33), left = (sides[k] >> 2) & 0x7fffffff;
        sum += (packed(right) - packed(left)) & -(hit & 1);
        unsure |= across & (fabs(turn) <= bound);
    }
    if (RARELY(unsure)) {
        for (int64_t k = 0; k < n; k++) {
            double l = (ax[k] - px) * (by[k] - py), r = (ay[k] - py) * (bx[k] - px), turn = l - r;
            if (py < ay[k] || py >= by[k]) continue;
            int hit = right_or_on(ax[k], ay[k], bx[k], by[k], px, py);
            int64_t right = (int64_t)((uint64_t)sides[k] >> 33), left = (sides[k] >> 2) & 0x7fffffff;
            sum += (packed(right) - packed(left)) * (hit - (turn < 0));
        }
    }
    return sum == 0 ? OUTSIDE : sum >> 32 == 1 ? (int32_t)(sum & 0xffffffff) - 1 : OVERLAP;
}

/* Column and row of buckets that hold a point; 0 outside the raster, also for NaN. Floor by
 * truncation and one comparison, right also where a tiny coordinate underflows. */
static inline int bucket_of(const raster *g, double wx, double wy, double px, double py,
                            int64_t *column, int64_t *row)
{
    double u = px * g->sx, v = py * g->sy;
    int ok = (u >= (double)g->j0) & (u < (double)(g->j0 + g->fx)) & (v >= (double)g->i0) &
             (v < (double)(g->i0 + g->fy));
    if (!ok) return 0;
    int64_t j = (int64_t)u, i = (int64_t)v;
    j -= (double)j * wx > px;
    i -= (double)i * wy > py;
    if ((j < g->j0) | (i < g->i0)) return 0;
    *column = g->column[j - g->j0];
    *row = g->row[i - g->i0];
    return 1;
}

static inline void fetch(const int64_t *record, int32_t code)
{
    const char *p = (const char *)(record + (-2 - (int64_t)code));
    PREFETCH(p);
    PREFETCH(p + 64);
}

WIDE API void gk_locate(const double *x, const double *y, int32_t *out, int64_t n, const raster *g,
                        const int32_t *code, const int64_t *record)
{
    int64_t bucket[BLOCK];
    int32_t wait[BLOCK];
    const raster r = *g;
    const double wx = 1 / r.sx, wy = 1 / r.sy;
    for (int64_t s = 0; s < n; s += BLOCK) {
        int m = n - s < BLOCK ? (int)(n - s) : BLOCK, waiting = 0;
        const double *px = x + s, *py = y + s;
        int32_t *o = out + s;
        for (int i = 0; i < m; i++) {
            int64_t column, row;
            int ok = bucket_of(&r, wx, wy, px[i], py[i], &column, &row);
            bucket[i] = ok ? row * r.nx + column : 0; /* the first bucket is empty */
            PREFETCH(code + bucket[i]);
        }
        for (int i = 0; i < m; i++) {
            o[i] = code[bucket[i]];
            wait[waiting] = i;
            if (o[i] < OUTSIDE) {
                fetch(record, o[i]);
                waiting++;
            }
        }
        for (int k = 0; k < waiting; k++) {
            int i = wait[k];
            o[i] = settle(record + (-2 - (int64_t)o[i]), px[i], py[i]);
        }
    }
}

API int32_t gk_locate_one(double x, double y, const raster *g, const int32_t *code,
                          const int64_t *record)
{
    int64_t column, row;
    if (!bucket_of(g, 1 / g->sx, 1 / g->sy, x, y, &column, &row)) return OUTSIDE;
    int32_t c = code[row * g->nx + column];
    return c < OUTSIDE ? settle(record + (-2 - (int64_t)c), x, y) : c;
}

/* ---- border near a point ----------------------------------------------------------------- */

/* The nearest cell but one, as far as it is found. */
typedef struct {
    double d2;     /* its squared distance, or that of the farthest that counts */
    double qx, qy; /* where it is nearest */
    int32_t cell;  /* NONE: none yet */
    int32_t but;   /* the cell that does not count */
} nearest;

#define NONE (-1)

/* Rounding must not hide a bucket that holds an equal distance. */
#define SLACK (1 + 1e-12)

/* Squared distance from p to an edge: how far beyond its ends and how far aside, both times its
 * length, which saves branches. */
static inline double apart2(double ax, double ay, double bx, double by, double px, double py)
{
    double dx = bx - ax, dy = by - ay, ex = px - ax, ey = py - ay;
    double along = ex * dx + ey * dy, length2 = dx * dx + dy * dy, aside = ex * dy - ey * dx;
    double past = fabs(along - 0.5 * length2) - 0.5 * length2, beyond = 0.5 * (past + fabs(past));
    return (beyond * beyond + aside * aside) / length2;
}

/* The less of `best2` and the squared distance to the nearest edge of a record. */
static inline double edge2(const int64_t *record, double px, double py, double best2)
{
    int64_t n = record[0] >> 48;
    const double *ax = (const double *)(record + 1), *ay = ax + n, *bx = ay + n, *by = bx + n;
    for (int64_t k = 0; k < n; k++)
        best2 = least(apart2(ax[k], ay[k], bx[k], by[k], px, py), best2);
    return best2;
}

static inline void offer(nearest *best, double d2, double qx, double qy, int32_t cell)
{
    if (cell < 0 || cell == best->but || d2 > best->d2) return;
    /* Equal distances go east, then north, then to the first cell. */
    int better = d2 < best->d2 || best->cell == NONE || qx > best->qx ||
                 (qx == best->qx && (qy > best->qy || (qy == best->qy && cell < best->cell)));
    if (better) *best = (nearest){d2, qx, qy, cell, best->but};
}

static void cells_of(const int64_t *record, double px, double py, nearest *best)
{
    int64_t n = record[0] >> 48;
    const double *ax = (const double *)(record + 1), *ay = ax + n, *bx = ay + n, *by = bx + n;
    const int64_t *sides = record + 1 + 4 * n;
    for (int64_t k = 0; k < n; k++) {
        double d2 = apart2(ax[k], ay[k], bx[k], by[k], px, py);
        if (d2 > best->d2) continue;
        double dx = bx[k] - ax[k], dy = by[k] - ay[k];
        double t = ((px - ax[k]) * dx + (py - ay[k]) * dy) / (dx * dx + dy * dy);
        double qx = t <= 0 ? ax[k] : t >= 1 ? bx[k] : ax[k] + t * dx;
        double qy = t <= 0 ? ay[k] : t >= 1 ? by[k] : ay[k] + t * dy;
        offer(best, d2, qx, qy, (int32_t)((uint64_t)sides[k] >> 33) - 1);
        offer(best, d2, qx, qy, (int32_t)((sides[k] >> 2) & 0x7fffffff) - 1);
    }
}

typedef struct {
    const raster *g;
    double wx, wy;
    const int32_t *code;
    const int64_t *record;
} place;

/* Go through the buckets within `r` of a point, row by row outwards, that may hold something nearer:
 * edges, or cells where `best` is given. Without `all` the bucket (jc, ic) of the
 * point and its neighbours are left out. Returns the squared distance to the nearest edge. */
INSIDE double search(const place *at, double px, double py, double r, int64_t jc, int64_t ic,
                            int all, double best2, nearest *best)
{
    const raster *g = at->g;
    double slack = 1e-6 + 1e-15 * (fabs(px * g->sx) + fabs(py * g->sy));
    double half = least(sqrt((best ? best->d2 : best2) * SLACK), r);
    int64_t i0 = row_of(g, (py - half) * g->sy - slack), i1 = row_of(g, (py + half) * g->sy + slack);
    int64_t j0 = column_of(g, (px - half) * g->sx - slack);
    int64_t j1 = column_of(g, (px + half) * g->sx + slack);
    int64_t rows = ic - i0 > i1 - ic ? ic - i0 : i1 - ic;
    for (int64_t k = 0; k <= 2 * rows; k++) {
        int64_t i = ic + ((k & 1) ? -(k + 1) / 2 : k / 2);
        if (i < i0 || i > i1) continue;
        double ey = most(0, most(g->y[i] - py, py - g->y[i + 1]));
        const int32_t *row = at->code + i * g->nx;
        for (int64_t j = j0; j <= j1; j++) {
            if (row[j] >= OUTSIDE) continue;
            if (!all && k < 3 && j >= jc - 1 && j <= jc + 1) continue;
            double ex = most(0, most(g->x[j] - px, px - g->x[j + 1]));
            if (ex * ex + ey * ey > (best ? best->d2 : best2) * SLACK) continue;
            const int64_t *record = at->record + (-2 - (int64_t)row[j]);
            if (best) cells_of(record, px, py, best);
            else best2 = edge2(record, px, py, best2);
        }
    }
    return best2;
}

/* The nearest cell but one within r of a point. */
static nearest nearest_cell(const place *at, double px, double py, double r, int64_t jc, int64_t ic,
                            int32_t but)
{
    nearest best = {r * r, 0, 0, NONE, but};
    search(at, px, py, r, jc, ic, 1, 0, &best);
    return best;
}

#define GROUP 32

/* What is known of a group of points: column and row of the bucket, or of the nearest one, and
 * whether its eight neighbours are there; squared distance to the nearest edge; neighbours that
 * may hold something nearer, and for which point. */
typedef struct {
    int64_t column[GROUP], row[GROUP];
    double best2[GROUP];
    int32_t code[GROUP], wait[GROUP * 8 + 1];
    uint8_t inner[GROUP], point[GROUP * 8 + 1];
} group;

static inline void fetch_buckets(const place *at, const double *x, const double *y, int m, group *a)
{
    const raster *g = at->g;
    for (int k = 0; k < m; k++) {
        int64_t j, i;
        a->inner[k] = 0;
        a->code[k] = OUTSIDE;
        if (bucket_of(g, at->wx, at->wy, x[k], y[k], &j, &i)) {
            a->inner[k] = (j >= 1) & (j < g->nx - 1) & (i >= 1) & (i < g->ny - 1);
            const int32_t *c = at->code + i * g->nx + j;
            PREFETCH(c);
            if (a->inner[k]) {
                PREFETCH(c - g->nx);
                PREFETCH(c + g->nx);
            }
        } else {
            j = column_of(g, x[k] * g->sx);
            i = row_of(g, y[k] * g->sy);
        }
        a->column[k] = j;
        a->row[k] = i;
    }
    for (int k = 0; k < m; k++) {
        if (!a->inner[k]) continue; /* the outermost buckets are empty */
        a->code[k] = at->code[a->row[k] * g->nx + a->column[k]];
        if (a->code[k] < OUTSIDE) fetch(at->record, a->code[k]);
    }
}

/* Squared distance to the nearest edge, as far as the own bucket and its neighbours tell. One kind
 * of work at a time for all points: no branch waits for a division. */
INSIDE void near_edges(const place *at, const double *x, const double *y, int m, group *a)
{
    const raster *g = at->g;
    int waiting = 0;
    for (int k = 0; k < m; k++)
        if (a->code[k] < OUTSIDE)
            a->best2[k] = edge2(at->record + (-2 - (int64_t)a->code[k]), x[k], y[k], a->best2[k]);
    for (int k = 0; k < m; k++) {
        if (!a->inner[k]) continue;
        int64_t j = a->column[k], i = a->row[k];
        double px = x[k], py = y[k], best2 = a->best2[k];
        double ex[3] = {px - g->x[j], 0, g->x[j + 1] - px}, cut = best2 * SLACK;
        double ey[3] = {py - g->y[i], 0, g->y[i + 1] - py};
        int before = waiting;
        for (int b = 0; b < 3; b++) {
            const int32_t *row = at->code + (i + b - 1) * g->nx + j - 1;
            for (int c = 0; c < 3; c++) {
                if (b == 1 && c == 1) continue;
                double gap2 = ex[c] * ex[c] + ey[b] * ey[b];
                a->wait[waiting] = row[c];
                a->point[waiting] = (uint8_t)k;
                waiting += (row[c] < OUTSIDE) & (gap2 <= cut);
            }
        }
        for (int v = before; v < waiting; v++) fetch(at->record, a->wait[v]);
    }
    for (int v = 0; v < waiting; v++) {
        int k = a->point[v];
        a->best2[k] = edge2(at->record + (-2 - (int64_t)a->wait[v]), x[k], y[k], a->best2[k]);
    }
}

/* Squared distance to the nearest edge, whole: beyond the neighbours too where it may lie there. */
static inline double border2(const place *at, const group *a, int k, double px, double py, double r)
{
    const raster *g = at->g;
    int64_t j = a->column[k], i = a->row[k];
    if (a->inner[k]) {
        double free_x = least(px - g->x[j - 1], g->x[j + 2] - px);
        double free_y = least(py - g->y[i - 1], g->y[i + 2] - py), free = least(free_x, free_y);
        if (free * free > a->best2[k] * SLACK) return a->best2[k];
    }
    return search(at, px, py, r, j, i, !a->inner[k], a->best2[k], 0);
}

/* Everything that is asked of a point, `limits` being the reach of the border, how near a cell takes
 * a point outside, how near another cell makes one ambiguous, and how near a border is on it.
 *
 * owner: with `given` the cells that hold the points, else found (OVERLAP: several, the rest is not
 * answered); outside all, the nearest within limits[1]. way: 0 inside, 1 on a border, 2 near, 3
 * outside. border: distance to the nearest edge, NaN beyond the reach. distance: to the owner, NaN
 * without. other: the nearest cell but the owner within limits[2].
 *
 * A cell that does not hold the point is no nearer than the nearest edge, so that few points need
 * the search for it. */
WIDE API void gk_find(const double *x, const double *y, int64_t n, const raster *g,
                      const int32_t *code, const int64_t *record, const double *limits, int given,
                      int32_t *owner, int8_t *way, double *border, double *distance, int32_t *other)
{
    const place at = {g, 1 / g->sx, 1 / g->sy, code, record};
    const double reach = limits[0], near_m = limits[1], ambiguous = limits[2], on = limits[3];
    const double most2 = nextafter(reach * reach, INFINITY);
    group a;
    for (int64_t s = 0; s < n; s += GROUP) {
        int m = n - s < GROUP ? (int)(n - s) : GROUP;
        fetch_buckets(&at, x + s, y + s, m, &a);
        for (int k = 0; k < m; k++) {
            a.best2[k] = most2;
            if (given) continue;
            int32_t c = a.code[k];
            owner[s + k] = c < OUTSIDE ? settle(record + (-2 - (int64_t)c), x[s + k], y[s + k]) : c;
        }
        near_edges(&at, x + s, y + s, m, &a);
        for (int k = 0; k < m; k++) {
            int64_t q = s + k, j = a.column[k], i = a.row[k];
            double px = x[q], py = y[q], b2 = border2(&at, &a, k, px, py, reach);
            int found = b2 <= reach * reach, held = owner[q] != OUTSIDE;
            border[q] = found ? sqrt(b2) : NAN;
            other[q] = NONE;
            way[q] = held ? border[q] <= on : 3;
            distance[q] = held ? 0 : NAN;
            if (owner[q] == OVERLAP) continue;
            if (!held && (found ? b2 <= near_m * near_m : near_m > reach)) {
                nearest best = nearest_cell(&at, px, py, near_m, j, i, NONE);
                owner[q] = best.cell;
                way[q] = best.cell == NONE ? 3 : 2;
                distance[q] = best.cell == NONE ? NAN : sqrt(best.d2);
            }
            if (owner[q] != OUTSIDE && (found ? b2 <= ambiguous * ambiguous : ambiguous > reach))
                other[q] = nearest_cell(&at, px, py, ambiguous, j, i, owner[q]).cell;
        }
    }
}

#if defined(_MSC_VER)
/* setuptools exports this name from every extension on Windows. */
API void *PyInit__native(void) { return 0; }
#endif
