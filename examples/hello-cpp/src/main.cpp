#include "page.hpp"

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <microhttpd.h>

namespace {

MHD_Result answer(void *, MHD_Connection *connection, const char *, const char *, const char *, const char *, size_t *,
                  void **) {
  auto text = page();
  auto *response = MHD_create_response_from_buffer(text.size(), text.data(), MHD_RESPMEM_MUST_COPY);
  MHD_add_response_header(response, "Content-Type", "text/html; charset=utf-8");
  const auto queued = MHD_queue_response(connection, MHD_HTTP_OK, response);
  MHD_destroy_response(response);
  return queued;
}

} // namespace

int main() {
  // before the server's threads are there: they inherit it
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  const char *set = std::getenv("PORT");
  const auto port = static_cast<unsigned short>(std::atoi(set == nullptr ? "3000" : set));
  auto *server = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, port, nullptr, nullptr, &answer, nullptr, MHD_OPTION_END);
  if (server == nullptr) {
    std::cerr << "cannot listen on " << port << '\n';
    return 1;
  }
  std::cout << "listening on " << port << std::endl;
  int received = 0;
  sigwait(&ends, &received);
  MHD_stop_daemon(server);
}
