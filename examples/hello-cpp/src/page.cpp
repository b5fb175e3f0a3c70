#include "page.hpp"

#include <fstream>
#include <iterator>

std::string page() {
  std::ifstream file{"templates/hello.html"};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  const std::string mark{"{greeting}"};
  const auto at = text.find(mark);
  return at == std::string::npos ? text : text.replace(at, mark.size(), "Hello");
}
