/* Prices of people under which nobody could take over an area for less than it costs now.
 *
 * Shortest paths in a residual graph whose arcs may cost less than nothing: the queue of Bellman,
 * Ford and Moore, in which a person cheaper than the first goes to the front. That rule saves most
 * of the work on real towns, and could need endless work on made ones: it has a budget, after which
 * people wait in turn. The prices do not depend on the order; plain_prices.py gives the same.
 */
#include <stdint.h>
#include <stdlib.h>

#if defined(_MSC_VER)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

#define FRONT_BUDGET 1000 /* arcs looked at for each arc there is */

/* Areas of each person, as a list: start[p] .. start[p + 1] of held. */
static void list_areas(int64_t areas, int64_t people, const int64_t *holder, int64_t *start,
                       int64_t *held)
{
    for (int64_t p = 0; p <= people; p++)
        start[p] = 0;
    for (int64_t i = 0; i < areas; i++)
        start[holder[i]]++;
    for (int64_t p = 1; p <= people; p++)
        start[p] += start[p - 1];
    for (int64_t i = areas; i-- > 0;)
        held[--start[holder[i]]] = i;
}

/* person[first[i]] .. are those who may take area i, for more[..] above what it costs now; holder[i]
 * holds it. Nobody is a person too. Lowers price; returns 0, or -1 without memory. */
API int gk_settle(int64_t areas, int64_t people, const int64_t *first, const int64_t *person,
                  const int64_t *more, const int64_t *holder, int64_t *price)
{
    int64_t *start = malloc((size_t)(people + 1) * sizeof *start);
    int64_t *held = malloc((size_t)(areas + 1) * sizeof *held);
    int64_t *queue = malloc((size_t)(people + 1) * sizeof *queue);
    char *waits = malloc((size_t)(people + 1));
    int failed = !start || !held || !queue || !waits;
    if (!failed) {
        list_areas(areas, people, holder, start, held);
        for (int64_t p = 0; p < people; p++) {
            queue[p] = p;
            waits[p] = 1;
        }
        int64_t head = 0, waiting = people, budget = FRONT_BUDGET * (first[areas] + 1);
        while (waiting) {
            int64_t h = queue[head];
            head = head + 1 == people ? 0 : head + 1;
            waiting--;
            waits[h] = 0;
            for (int64_t k = start[h]; k < start[h + 1]; k++) {
                int64_t i = held[k];
                budget -= first[i + 1] - first[i];
                for (int64_t a = first[i]; a < first[i + 1]; a++) {
                    int64_t p = person[a], lower = price[h] + more[a];
                    if (lower >= price[p])
                        continue;
                    price[p] = lower;
                    if (waits[p])
                        continue;
                    waits[p] = 1;
                    if (waiting && budget > 0 && lower < price[queue[head]]) {
                        head = head ? head - 1 : people - 1;
                        queue[head] = p;
                    } else {
                        int64_t tail = head + waiting;
                        queue[tail < people ? tail : tail - people] = p;
                    }
                    waiting++;
                }
            }
        }
    }
    free(start);
    free(held);
    free(queue);
    free(waits);
    return failed ? -1 : 0;
}
