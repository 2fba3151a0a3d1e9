// Messages from the client to the server.
#include "pair.h"

#include <stdlib.h>
#include <string.h>

void peers_hold(pair *p, size_t hold, bool at_random) {
    p->held = calloc(hold, sizeof *p->held);
    if (!p->held) die("no memory");
    p->hold = hold;
    p->at_random = at_random;
}

static void accept_delivery(pn_delivery_t *delivery) {
    pn_delivery_update(delivery, PN_ACCEPTED);
    pn_delivery_settle(delivery);
}

// Xorshift, the same as on the other side of the comparison.
static size_t place(pair *p) {
    if (!p->at_random) return p->oldest++ % p->hold;
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    return p->random % p->hold;
}

static void resolve(pair *p, pn_delivery_t *delivery) {
    if (p->settled) {
        pn_delivery_settle(delivery);
    } else if (!p->hold) {
        accept_delivery(delivery);
    } else if (p->held_count < p->hold) {
        p->held[p->held_count++] = delivery;
    } else {
        size_t at = place(p);
        accept_delivery(p->held[at]);
        p->held[at] = delivery;
    }
}

void receive_delivery(pair *p, pn_delivery_t *delivery) {
    if (!pn_delivery_readable(delivery) || pn_delivery_partial(delivery)) return;
    pn_link_t *link = pn_delivery_link(delivery);
    size_t size = pn_delivery_pending(delivery);
    if (size > p->inbox_size) {
        p->inbox = realloc(p->inbox, size);
        if (!p->inbox) die("no memory");
        p->inbox_size = size;
    }
    if (pn_link_recv(link, p->inbox, size) != (ssize_t)size) die("a message came short");
    pn_link_advance(link);
    p->received++;
    resolve(p, delivery);
    int credit = pn_link_credit(link);
    if ((uint32_t)credit <= p->credit / 2) pn_link_flow(link, (int)p->credit - credit);
}

void take_outcome(pair *p, pn_delivery_t *delivery) {
    if (!pn_delivery_updated(delivery) || !pn_delivery_settled(delivery)) return;
    pn_delivery_settle(delivery);
    p->outcomes++;
}

static bool send_one(pair *p, const char *payload, size_t size) {
    pn_link_t *link = p->links[p->next_link];
    if (pn_link_credit(link) <= 0) return false;
    p->next_tag++;
    pn_delivery_t *delivery = pn_delivery(link, pn_dtag((const char *)&p->next_tag, sizeof p->next_tag));
    if (pn_link_send(link, payload, size) != (ssize_t)size) die("a message was sent short");
    if (p->settled) pn_delivery_settle(delivery);
    else pn_link_advance(link);
    if (++p->next_link == p->link_count) p->next_link = 0;
    return true;
}

void peers_send(pair *p, const char *payload, size_t size, bool settled, uint64_t batch, uint64_t count) {
    uint64_t goal = p->received + count, sent = 0;
    p->settled = settled;
    while (p->received < goal) {
        uint64_t queued = 0, before = p->received;
        while (queued < batch && sent < count && send_one(p, payload, size)) {
            queued++;
            sent++;
        }
        peers_turn(p);
        if (!queued && p->received == before) die("messages do not move");
    }
    peers_quiet(p);
    if (!settled && p->received - p->outcomes != p->held_count) die("an outcome is missing");
    if (settled) p->outcomes = p->received;
}
