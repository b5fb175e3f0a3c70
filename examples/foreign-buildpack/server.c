#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <unistd.h>

static const char *word(const char *name) {
  const char *value = getenv(name);
  return value ? value : "nothing";
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(word("PORT")))};
  int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 16)) {
    perror("server");
    return 1;
  }
  for (;;) {
    char request[4096], body[512];
    int client = accept(listener, NULL, NULL);
    if (client < 0 || read(client, request, sizeof request) < 1) continue;
    int length = snprintf(body, sizeof body, "Hello from C, %s and %s\n", word("FROM_PROFILE"), word("FROM_RELEASE"));
    dprintf(client, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", length, body);
    close(client);
  }
}
