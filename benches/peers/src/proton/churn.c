// Sessions and links that come and go.
#include "pair.h"

#include <proton/connection.h>
#include <proton/terminus.h>
#include <stdio.h>
#include <stdlib.h>

pn_link_t *new_link(pair *p, pn_session_t *session) {
    char name[32];
    snprintf(name, sizeof name, "link-%08llu", (unsigned long long)p->next_name++);
    pn_link_t *link = pn_sender(session, name);
    pn_terminus_set_address(pn_link_source(link), "src");
    pn_terminus_set_address(pn_link_target(link), "queue/orders");
    pn_link_open(link);
    return link;
}

static pn_session_t *new_session(pair *p) {
    pn_session_t *session = pn_session(p->client.connection);
    pn_session_open(session);
    return session;
}

void peers_add_session(pair *p, size_t links) {
    pn_session_t *session = new_session(p);
    if (links) {
        p->links = realloc(p->links, (p->link_count + links) * sizeof *p->links);
        if (!p->links) die("no memory");
    }
    for (size_t i = 0; i < links; i++) {
        p->links[p->link_count++] = new_link(p, session);
        if (i % 64 == 63) peers_turn(p);
    }
    peers_quiet(p);
    if (links && p->credit && pn_link_credit(p->links[p->link_count - 1]) != (int)p->credit) die("a link has no credit");
}

void peers_forget_links(pair *p) {
    free(p->links);
    p->links = NULL;
    p->link_count = 0;
}

void peers_begin_end(pair *p, uint64_t count) {
    uint64_t goal = p->closed + count;
    for (uint64_t i = 0; i < count; i++) {
        pn_session_t *session = new_session(p);
        peers_turn(p);
        pn_session_close(session);
        peers_turn(p);
        pn_session_free(session);
    }
    if (p->closed != goal) die("a session did not end");
}

void peers_attach_detach(pair *p, uint64_t count) {
    pn_session_t *session = pn_session_head(p->client.connection, PN_LOCAL_ACTIVE);
    uint64_t goal = p->closed + count;
    for (uint64_t i = 0; i < count; i++) {
        pn_link_t *link = new_link(p, session);
        peers_turn(p);
        pn_link_close(link);
        peers_turn(p);
        pn_link_free(link);
    }
    if (p->closed != goal) die("a link did not detach");
}
