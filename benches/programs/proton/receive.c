// Receives messages and accepts them: receive PORT ADDRESS COUNT
#include "program.h"

static const char *address;
static uint64_t count, received;

static void open_all(pn_connection_t *connection) {
    pn_session_t *session = pn_session(connection);
    pn_link_t *link = pn_receiver(session, "receive");
    pn_connection_set_container(connection, "receive");
    pn_terminus_set_address(pn_link_source(link), address);
    pn_connection_open(connection);
    pn_session_open(session);
    pn_link_open(link);
    pn_link_flow(link, CREDIT);
}

static void receive(pn_delivery_t *delivery) {
    if (!pn_delivery_readable(delivery) || pn_delivery_partial(delivery) || received == count) return;
    pn_link_t *link = pn_delivery_link(delivery);
    free(take(link, delivery).start);
    pn_delivery_update(delivery, PN_ACCEPTED);
    pn_delivery_settle(delivery);
    top_up(link);
    if (++received == count) pn_connection_close(pn_session_connection(pn_link_session(link)));
}

static bool handle(pn_event_t *event) {
    check(event);
    switch (pn_event_type(event)) {
    case PN_CONNECTION_INIT: open_all(pn_event_connection(event)); break;
    case PN_DELIVERY: receive(pn_event_delivery(event)); break;
    case PN_PROACTOR_INACTIVE: return true;
    default: break;
    }
    return false;
}

int main(int argc, char **argv) {
    if (argc != 4) die("usage: receive PORT ADDRESS COUNT");
    address = argv[2];
    count = strtoull(argv[3], NULL, 10);
    char where[PN_MAX_ADDR];
    pn_proactor_addr(where, sizeof where, "127.0.0.1", argv[1]);
    pn_proactor_t *proactor = pn_proactor();
    pn_proactor_connect2(proactor, NULL, NULL, where);
    loop(proactor, handle);
    if (received != count) die("the connection ended too early");
    printf("received %llu\n", (unsigned long long)received);
    return 0;
}
