/* A bare TCP relay on epoll: accepts, connects to the target, copies bytes both ways. No logic, no TLS.
 *
 *   relay LISTEN_PORT TARGET_PORT        both on 127.0.0.1
 *
 * The floor that proxies are measured against (benches/postgres.py): one thread, 16 KiB reads, level-triggered.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 16384, EVENTS = 256 };

/* One direction's unsent rest stands in the end that it is to be written to. */
struct end {
    int fd;
    struct end *peer;
    int closed;
    size_t from, to;
    char rest[PIECE];
};

static int poller;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* Reads come only while the other end can take them: that is the whole of the flow control. */
static void watch(struct end *end, int operation) {
    struct epoll_event event = {.data.ptr = end};
    if (end->peer->from == end->peer->to) event.events |= EPOLLIN;
    if (end->from != end->to) event.events |= EPOLLOUT;
    epoll_ctl(poller, operation, end->fd, &event);
}

static void hang_up(struct end *end) {
    struct end *peer = end->peer;
    if (end->closed) return;
    close(end->fd);
    close(peer->fd);
    /* Not freed: this turn's events may still point here, and a benchmark opens few connections. */
    end->closed = peer->closed = 1;
}

static void flush_rest(struct end *end) {
    while (end->from != end->to) {
        ssize_t sent = send(end->fd, end->rest + end->from, end->to - end->from, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) hang_up(end);
            return;
        }
        end->from += (size_t)sent;
    }
    end->from = end->to = 0;
    watch(end, EPOLL_CTL_MOD);
    watch(end->peer, EPOLL_CTL_MOD);
}

static void forward(struct end *end) {
    struct end *peer = end->peer;
    char piece[PIECE];
    if (peer->from != peer->to) return;
    ssize_t came = recv(end->fd, piece, sizeof piece, 0);
    if (came <= 0) {
        if (came == 0 || errno != EAGAIN) hang_up(end);
        return;
    }
    ssize_t sent = send(peer->fd, piece, (size_t)came, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        hang_up(end);
        return;
    }
    if (sent < 0) sent = 0;
    if (sent == came) return;
    memcpy(peer->rest, piece + sent, (size_t)(came - sent));
    peer->from = 0;
    peer->to = (size_t)(came - sent);
    watch(end, EPOLL_CTL_MOD);
    watch(peer, EPOLL_CTL_MOD);
}

static void accept_one(int listener, int target_port) {
    int one = 1;
    int downstream = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (downstream < 0) return;
    int upstream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in target = loopback(target_port);
    if (upstream < 0 || connect(upstream, (struct sockaddr *)&target, sizeof target) != 0) {
        close(downstream);
        if (upstream >= 0) close(upstream);
        return;
    }
    struct end *ends = calloc(2, sizeof *ends);
    if (!ends) fail("calloc");
    ends[0] = (struct end){.fd = downstream, .peer = &ends[1]};
    ends[1] = (struct end){.fd = upstream, .peer = &ends[0]};
    for (int side = 0; side < 2; side++) {
        setsockopt(ends[side].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(ends[side].fd, F_SETFL, O_NONBLOCK);
    }
    for (int side = 0; side < 2; side++) watch(&ends[side], EPOLL_CTL_ADD);
}

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: relay LISTEN_PORT TARGET_PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(atoi(arguments[1]));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) fail("bind");
    if (listen(listener, 1024) != 0) fail("listen");
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int at = 0; at < ready; at++) {
            struct end *end = events[at].data.ptr;
            if (!end) {
                accept_one(listener, atoi(arguments[2]));
                continue;
            }
            if (end->closed) continue;
            if (events[at].events & EPOLLOUT) flush_rest(end);
            if (!end->closed && events[at].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) forward(end);
        }
    }
}
