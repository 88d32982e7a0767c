#include "hosts.h"

#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hosts {
    int home;
    int namespaces[2];
    struct relay *relay;
};

#ifdef __linux__

#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static bool write_file(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    bool written = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);

    if (file >= 0)
        close(file);
    return written;
}

/* Whoever may not make network namespaces as who he is may do so as root of a user namespace. */
static bool become_root(void)
{
    char users[64], groups[64];

    snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
    return unshare(CLONE_NEWUSER) == 0 && write_file("/proc/self/setgroups", "deny") &&
           write_file("/proc/self/uid_map", users) && write_file("/proc/self/gid_map", groups);
}

static void set_interface(int control, unsigned long request, struct ifreq *interface)
{
    if (ioctl(control, request, interface) < 0)
        trouble("cannot set up %s: %s", interface->ifr_name, strerror(errno));
}

static void bring_up(int control, const char *name, const char *address)
{
    struct ifreq interface = {0};
    struct sockaddr_in in = {.sin_family = AF_INET};

    snprintf(interface.ifr_name, sizeof interface.ifr_name, "%s", name);
    if (address) {
        inet_pton(AF_INET, address, &in.sin_addr);
        memcpy(&interface.ifr_addr, &in, sizeof in);
        set_interface(control, SIOCSIFADDR, &interface);
        inet_pton(AF_INET, "255.255.255.0", &in.sin_addr);
        memcpy(&interface.ifr_netmask, &in, sizeof in);
        set_interface(control, SIOCSIFNETMASK, &interface);
    }
    set_interface(control, SIOCGIFFLAGS, &interface);
    interface.ifr_flags |= IFF_UP;
    set_interface(control, SIOCSIFFLAGS, &interface);
}

/* A device of the host this thread is on; -1: not allowed. */
static int open_link(const char *address)
{
    struct ifreq interface = {.ifr_name = "link0", .ifr_flags = IFF_TUN | IFF_NO_PI};
    int device = open("/dev/net/tun", O_RDWR | O_CLOEXEC), control;

    if (device < 0)
        return -1;
    if (ioctl(device, TUNSETIFF, &interface) < 0) {
        close(device);
        return -1;
    }
    control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0)
        trouble("no socket: %s", strerror(errno));
    bring_up(control, "lo", NULL);
    bring_up(control, "link0", address);
    close(control);
    return device;
}

static int open_namespace(void)
{
    return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void enter(int namespace)
{
    if (setns(namespace, CLONE_NEWNET) < 0)
        trouble("cannot change the network namespace: %s", strerror(errno));
}

/* Where to come back to: here, unless a user namespace takes the right to come back here. */
static bool open_home(struct hosts *hosts)
{
    if (unshare(CLONE_NEWNET) < 0 && (!become_root() || unshare(CLONE_NEWNET) < 0))
        return false;
    if (setns(hosts->home, CLONE_NEWNET) == 0)
        return true;
    close(hosts->home);
    hosts->home = open_namespace();
    return true;
}

/* Stores the devices that are open then, however far it came. */
static const char *make(struct hosts *hosts, int *links)
{
    static const char *const addresses[] = {HOSTS_NEAR, HOSTS_FAR};

    if (!open_home(hosts))
        return "network namespaces are not allowed here";
    for (int i = 0; i < 2; i++) {
        if (unshare(CLONE_NEWNET) < 0)
            return "no more network namespaces are allowed here";
        hosts->namespaces[i] = open_namespace();
        links[i] = open_link(addresses[i]);
        if (links[i] < 0)
            return "TUN devices are not allowed here";
    }
    return NULL;
}

struct hosts *hosts_create(const char **why)
{
    struct hosts *hosts = malloc(sizeof *hosts);
    int links[2] = {-1, -1};

    if (!hosts)
        trouble("no memory for two hosts");
    *hosts = (struct hosts){.home = open_namespace(), .namespaces = {-1, -1}};
    *why = hosts->home < 0 ? "there is no /proc" : make(hosts, links);
    if (*why) {
        for (int i = 0; i < 2; i++)
            if (links[i] >= 0)
                close(links[i]);
        hosts_destroy(&hosts);
        return NULL;
    }
    hosts_leave(hosts);
    hosts->relay = relay_start(links[0], links[1]);
    return hosts;
}

#else

static void enter(int namespace)
{
    trouble("no network namespaces on this system, and still namespace %d", namespace);
}

struct hosts *hosts_create(const char **why)
{
    *why = "there are no network namespaces on this system";
    return NULL;
}

#endif

void hosts_enter(const struct hosts *hosts, enum host host)
{
    enter(hosts->namespaces[host]);
}

void hosts_leave(const struct hosts *hosts)
{
    enter(hosts->home);
}

struct relay *hosts_relay(const struct hosts *hosts)
{
    return hosts->relay;
}

void hosts_destroy(struct hosts **hosts)
{
    if (!*hosts)
        return;
    relay_destroy(&(*hosts)->relay);
    if ((*hosts)->home >= 0)
        hosts_leave(*hosts);
    for (int i = 0; i < 2; i++)
        if ((*hosts)->namespaces[i] >= 0)
            close((*hosts)->namespaces[i]);
    if ((*hosts)->home >= 0)
        close((*hosts)->home);
    free(*hosts);
    *hosts = NULL;
}
