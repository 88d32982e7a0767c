/* idle PORT COUNT: opens COUNT connections to the HTTP server there, asks once on each for /bench,
 * reads the response, says so, and keeps them open until it is ended. Linux only, as the benchmark
 * is. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void open_and_ask(int port)
{
    static const char request[] = "GET /bench HTTP/1.1\r\nHost: bench\r\n\r\n";
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((unsigned short)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    char response[4096];
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);

    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    if (send(descriptor, request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1)
        die("send");
    ssize_t size = recv(descriptor, response, sizeof response, 0);
    if (size < 12 || memcmp(response + 9, "200", 3) != 0)
        die("recv");
}

int main(int count, char **arguments)
{
    if (count != 3)
        return 2;
    for (int left = atoi(arguments[2]); left > 0; left--)
        open_and_ask(atoi(arguments[1]));
    puts("open");
    fflush(stdout);
    pause();
    return 0;
}
