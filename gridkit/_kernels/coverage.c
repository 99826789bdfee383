/* A coverage of cells on a bucket raster: the build of the index, the owner of a point, the border
 * near it.
 *
 * Plain C without Python.h: built as a shared library and called through ctypes, which lets other
 * threads run meanwhile. coverage_plain.py is the same in numpy, to the last bit.
 *
 * Every edge is turned upward (by > ay, or level and bx > ax) and names the cell on its right and the
 * cell on its left, as position + 1, 0 for none. Going east over an edge adds packed(right) -
 * packed(left), packed(v) = v + 2^32 for v > 0, so one sum gives how many cells hold the point (high
 * half) and which (low half). The plane is cut into buckets on power-of-two lines, which doubles
 * hold exactly. A bucket is one cell, nothing, or one record: a head (edges << 48 | sum at the
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
#else
#define API __attribute__((visibility("default")))
#define PREFETCH(p) __builtin_prefetch(p)
#define RARELY(c) __builtin_expect(!!(c), 0)
#endif

/* The loops over many points exist twice, for processors with and without AVX2; both give the same
 * bits, as no product is contracted into a sum. */
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
#define BLOCK 512
#define SUM 0xffffffffffffLL
#define MOST_EDGES 0x7fff

typedef struct {
    double sx, sy;   /* buckets a metre: powers of two */
    int64_t j0, i0;  /* column and row of the first bucket */
    int64_t nx, ny;
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

static inline void rows_of(const raster *g, const side *e, int64_t *first, int64_t *last)
{
    *first = clamp((int64_t)floor(e->ay * g->sy) - g->i0, 0, g->ny - 1);
    *last = clamp((int64_t)floor(e->by * g->sy) - g->i0, 0, g->ny - 1);
}

/* Columns of the buckets of row i that the edge may touch: a few too many, never too few. A bucket
 * that the edge only touches from the west is left out: the point lies east of it there. */
static inline void columns_of(const raster *g, const side *e, int64_t i, int64_t first,
                              int64_t last, int64_t *from, int64_t *to)
{
    double u0 = e->ax * g->sx, u1 = e->bx * g->sx;
    double low = least(u0, u1), high = most(u0, u1);
    int64_t reach = (int64_t)ceil(high) - 1 - g->j0;
    if (first != last) {
        double v0 = e->ay * g->sy, rise = e->by * g->sy - v0;
        double t0 = least(most(((double)(g->i0 + i) - v0) / rise, 0), 1);
        double t1 = least(most(((double)(g->i0 + i + 1) - v0) / rise, 0), 1);
        double a = u0 + t0 * (u1 - u0), b = u0 + t1 * (u1 - u0);
        double slack = 1e-6 + 1e-15 * (fabs(u0) + fabs(u1));
        low = most(least(a, b) - slack, low);
        high = least(most(a, b) + slack, high);
    }
    *from = clamp((int64_t)floor(low) - g->j0, 0, g->nx - 1);
    *to = clamp((int64_t)floor(high) - g->j0, 0, g->nx - 1);
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
        int64_t i = (int64_t)ceil(e->ay * g->sy) - g->i0, end = (int64_t)ceil(e->by * g->sy) - g->i0;
        for (i = i < 0 ? 0 : i; i < end && i < g->ny; i++) { /* corner lines ay <= y < by */
            double y = (double)(g->i0 + i) / g->sy;
            double x = e->ax + (y - e->ay) / (e->by - e->ay) * (e->bx - e->ax);
            int64_t j = (int64_t)ceil(x * g->sx);
            while (right_or_on(e->ax, e->ay, e->bx, e->by, (double)(j - 1) / g->sx, y)) j--;
            while (!right_or_on(e->ax, e->ay, e->bx, e->by, (double)j / g->sx, y)) j++;
            j = j < g->j0 ? 0 : j - g->j0;
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
    double x = (double)(g->j0 + j) / g->sx, y = (double)(g->i0 + i) / g->sy;
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

/* Bucket of a point, -1 outside the raster; NaN compares false. Floor by truncation and one
 * comparison, right also where a tiny coordinate underflows. */
static inline int64_t bucket_of(const raster *g, double wx, double wy, double px, double py)
{
    double u = px * g->sx, v = py * g->sy;
    int ok = (u >= (double)g->j0) & (u < (double)(g->j0 + g->nx)) & (v >= (double)g->i0) &
             (v < (double)(g->i0 + g->ny));
    if (!ok) return -1;
    int64_t j = (int64_t)u, i = (int64_t)v;
    j -= (double)j * wx > px;
    i -= (double)i * wy > py;
    return (j < g->j0) | (i < g->i0) ? -1 : (i - g->i0) * g->nx + (j - g->j0);
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
            bucket[i] = bucket_of(&r, wx, wy, px[i], py[i]);
            PREFETCH(code + (bucket[i] < 0 ? 0 : bucket[i]));
        }
        for (int i = 0; i < m; i++) {
            int32_t c = bucket[i] < 0 ? OUTSIDE : code[bucket[i]];
            o[i] = c;
            wait[waiting] = i;
            if (c < OUTSIDE) {
                const char *w = (const char *)(record + (-2 - (int64_t)c));
                PREFETCH(w);
                PREFETCH(w + 64);
                PREFETCH(w + 128);
                PREFETCH(w + 192);
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
    int64_t q = bucket_of(g, 1 / g->sx, 1 / g->sy, x, y);
    int32_t c = q < 0 ? OUTSIDE : code[q];
    return c < OUTSIDE ? settle(record + (-2 - (int64_t)c), x, y) : c;
}

/* ---- border near a point ----------------------------------------------------------------- */

typedef struct {
    double border2;      /* squared distance to the nearest edge, or the square of the reach */
    double other2;       /* squared distance to the nearest cell but the owner */
    double qx, qy;       /* where that is */
    int32_t other;       /* that cell, -1: none */
    int hit;             /* an edge within the reach was found */
} nearby;

/* Rounding must not hide a bucket that holds an equal distance. */
static inline double limit2(const nearby *best)
{
    return most(best->border2, best->other2) * (1 + 1e-12);
}

static inline void offer(nearby *best, double d2, double qx, double qy, int32_t cell,
                         int32_t owner)
{
    if (cell < 0 || cell == owner || d2 > best->other2) return;
    /* Equal distances go east, then north, then to the first cell. */
    int better = d2 < best->other2 || best->other < 0 || qx > best->qx ||
                 (qx == best->qx && (qy > best->qy || (qy == best->qy && cell < best->other)));
    if (better) {
        best->other2 = d2;
        best->qx = qx;
        best->qy = qy;
        best->other = cell;
    }
}

#define CHUNK 32

static inline void scan(const int64_t *record, double px, double py, int32_t owner, nearby *best)
{
    int64_t n = record[0] >> 48;
    const double *ax = (const double *)(record + 1), *ay = ax + n, *bx = ay + n, *by = bx + n;
    const int64_t *sides = record + 1 + 4 * n;
    double d2[CHUNK], qx[CHUNK], qy[CHUNK];
    for (int64_t s = 0; s < n; s += CHUNK, ax += CHUNK, ay += CHUNK, bx += CHUNK, by += CHUNK) {
        int m = n - s < CHUNK ? (int)(n - s) : CHUNK;
        double nearest = INFINITY;
        for (int k = 0; k < m; k++) {
            double dx = bx[k] - ax[k], dy = by[k] - ay[k];
            double t = ((px - ax[k]) * dx + (py - ay[k]) * dy) / (dx * dx + dy * dy);
            double fx = ax[k] + t * dx, fy = ay[k] + t * dy;
            fx = t >= 1 ? bx[k] : fx;
            fy = t >= 1 ? by[k] : fy;
            fx = t <= 0 ? ax[k] : fx;
            fy = t <= 0 ? ay[k] : fy;
            qx[k] = fx;
            qy[k] = fy;
            d2[k] = (px - fx) * (px - fx) + (py - fy) * (py - fy);
        }
        for (int k = 0; k < m; k++) nearest = least(nearest, d2[k]);
        if (nearest <= best->border2) {
            best->border2 = nearest;
            best->hit = 1;
        }
        if (nearest > best->other2) continue;
        for (int k = 0; k < m; k++) {
            if (d2[k] > best->other2) continue;
            offer(best, d2[k], qx[k], qy[k], (int32_t)((uint64_t)sides[s + k] >> 33) - 1, owner);
            offer(best, d2[k], qx[k], qy[k], (int32_t)((sides[s + k] >> 2) & 0x7fffffff) - 1, owner);
        }
    }
}

/* The buckets within reach of a point: columns j0..j1, rows i0..i1, around (jc, ic). */
typedef struct {
    int64_t j0, j1, i0, i1, jc, ic;
} window;

/* 0 when the window lies outside the raster. */
static inline int window_of(const raster *g, double px, double py, double r, window *w)
{
    double u0 = floor((px - r) * g->sx - 1e-6), u1 = floor((px + r) * g->sx + 1e-6);
    double v0 = floor((py - r) * g->sy - 1e-6), v1 = floor((py + r) * g->sy + 1e-6);
    double last_x = (double)(g->nx - 1 + g->j0), last_y = (double)(g->ny - 1 + g->i0);
    if (!(u1 >= (double)g->j0 && u0 <= last_x && v1 >= (double)g->i0 && v0 <= last_y)) return 0;
    w->j0 = (int64_t)most(u0, (double)g->j0) - g->j0;
    w->j1 = (int64_t)least(u1, last_x) - g->j0;
    w->i0 = (int64_t)most(v0, (double)g->i0) - g->i0;
    w->i1 = (int64_t)least(v1, last_y) - g->i0;
    w->jc = clamp((int64_t)floor(px * g->sx) - g->j0, w->j0, w->j1);
    w->ic = clamp((int64_t)floor(py * g->sy) - g->i0, w->i0, w->i1);
    return 1;
}

/* Scan the buckets beyond the eight neighbours, row by row outwards, while they may still hold
 * something nearer. */
static void scan_far(const raster *g, double wx, double wy, const int32_t *code,
                     const int64_t *record, const window *w, double px, double py, int32_t owner,
                     nearby *best)
{
    double x0 = (double)(g->j0 + w->jc) * wx, y0 = (double)(g->i0 + w->ic) * wy;
    double free_x = least(px - (x0 - wx), x0 + 2 * wx - px);
    double free_y = least(py - (y0 - wy), y0 + 2 * wy - py), free = least(free_x, free_y);
    if (free > 0 && free * free > limit2(best)) return;
    int64_t rows = w->ic - w->i0 > w->i1 - w->ic ? w->ic - w->i0 : w->i1 - w->ic;
    for (int64_t k = 0; k <= 2 * rows; k++) {
        int64_t i = w->ic + ((k & 1) ? -(k + 1) / 2 : k / 2), near_row = k < 3;
        if (i < w->i0 || i > w->i1) continue;
        double low = (double)(g->i0 + i) * wy, ey = most(0, most(low - py, py - (low + wy)));
        double rest = limit2(best) - ey * ey;
        if (rest < 0) continue;
        double half = sqrt(rest);
        int64_t from = (int64_t)floor((px - half) * g->sx - 1e-6) - g->j0;
        int64_t to = (int64_t)floor((px + half) * g->sx + 1e-6) - g->j0;
        from = from < w->j0 ? w->j0 : from;
        to = to > w->j1 ? w->j1 : to;
        const int32_t *row = code + i * g->nx;
        for (int64_t j = from; j <= to; j++) {
            if (row[j] >= OUTSIDE || (near_row && j >= w->jc - 1 && j <= w->jc + 1)) continue;
            double left = (double)(g->j0 + j) * wx, ex = most(0, most(left - px, px - (left + wx)));
            if (ex * ex + ey * ey > limit2(best)) continue;
            scan(record + (-2 - (int64_t)row[j]), px, py, owner, best);
        }
    }
}

#define GROUP 64

/* For each point: distance to the nearest edge within `reach` (NaN beyond), the nearest cell other
 * than `owner` within `near_m` (-1: none) and the distance to it (NaN). A group of points goes
 * together, its own buckets first, then their neighbours, so that memory is fetched ahead. */
WIDE API void gk_border(const double *x, const double *y, const int32_t *owner, int64_t n,
                   const raster *g, const int32_t *code, const int64_t *record, double reach,
                   double near_m, double *border, int32_t *other, double *gap)
{
    const double wx = 1 / g->sx, wy = 1 / g->sy, r = most(reach, near_m);
    window around[GROUP];
    nearby best[GROUP];
    int inside[GROUP], wait[GROUP * 8], at_point[GROUP * 8];
    double apart[GROUP * 8];
    for (int64_t s = 0; s < n; s += GROUP) {
        int m = n - s < GROUP ? (int)(n - s) : GROUP, waiting = 0;
        for (int k = 0; k < m; k++) {
            window *w = around + k;
            best[k] = (nearby){reach * reach, near_m * near_m, 0, 0, -1, 0};
            inside[k] = window_of(g, x[s + k], y[s + k], r, w);
            for (int64_t i = w->ic - 1; inside[k] && i <= w->ic + 1; i++)
                if (i >= w->i0 && i <= w->i1) PREFETCH(code + i * g->nx + w->jc);
        }
        for (int k = 0; k < m; k++) {
            int32_t c = inside[k] ? code[around[k].ic * g->nx + around[k].jc] : OUTSIDE;
            if (c >= OUTSIDE) continue;
            const char *p = (const char *)(record + (-2 - (int64_t)c));
            PREFETCH(p);
            PREFETCH(p + 64);
            PREFETCH(p + 128);
        }
        for (int k = 0; k < m; k++) {
            const window *w = around + k;
            double px = x[s + k], py = y[s + k];
            if (!inside[k]) continue;
            int32_t c = code[w->ic * g->nx + w->jc];
            if (c < OUTSIDE) scan(record + (-2 - (int64_t)c), px, py, owner[s + k], best + k);
            double x0 = (double)(g->j0 + w->jc) * wx, y0 = (double)(g->i0 + w->ic) * wy;
            double cut = limit2(best + k), ex[3], ey[3];
            ex[0] = most(0, px - x0), ex[1] = most(0, most(x0 - px, px - (x0 + wx)));
            ey[0] = most(0, py - y0), ey[1] = most(0, most(y0 - py, py - (y0 + wy)));
            ex[2] = most(0, x0 + wx - px), ey[2] = most(0, y0 + wy - py);
            for (int a = 0; a < 3; a++) {
                int64_t i = w->ic - 1 + a;
                if (i < w->i0 || i > w->i1 || ey[a] * ey[a] > cut) continue;
                for (int b = 0; b < 3; b++) {
                    int64_t j = w->jc - 1 + b;
                    double d2 = ex[b] * ex[b] + ey[a] * ey[a];
                    if (d2 > cut || j < w->j0 || j > w->j1 || (a == 1 && b == 1)) continue;
                    int32_t next = code[i * g->nx + j];
                    if (next >= OUTSIDE) continue;
                    const char *p = (const char *)(record + (-2 - (int64_t)next));
                    PREFETCH(p);
                    PREFETCH(p + 64);
                    wait[waiting] = -2 - next;
                    at_point[waiting] = k;
                    apart[waiting++] = d2;
                }
            }
        }
        for (int v = 0; v < waiting; v++) {
            int k = at_point[v];
            if (apart[v] <= limit2(best + k))
                scan(record + wait[v], x[s + k], y[s + k], owner[s + k], best + k);
        }
        for (int k = 0; k < m; k++) {
            int64_t at = s + k;
            if (inside[k])
                scan_far(g, wx, wy, code, record, around + k, x[at], y[at], owner[at], best + k);
            border[at] = best[k].hit ? sqrt(best[k].border2) : NAN;
            other[at] = best[k].other;
            gap[at] = best[k].other < 0 ? NAN : sqrt(best[k].other2);
        }
    }
}

#if defined(_MSC_VER)
/* setuptools exports this name from every extension on Windows. */
API void *PyInit__native(void) { return 0; }
#endif
