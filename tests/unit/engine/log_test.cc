#include "engine/log.h"

#include <string>

#include <catch2/catch.hpp>

namespace nestp {
namespace {

/// Collects lines, and leaves the log as it was found.
class CapturedLog {
 public:
  CapturedLog() {
    set_log_sink([this](std::string_view line) { text_ += line; });
  }
  ~CapturedLog() {
    set_log_sink(nullptr);
    set_log_filter("");
    set_log_level(0);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

TEST_CASE("a line names its level and the module", "[log]") {
  CapturedLog log;
  LOG(warning) << 4711 << " openat " << quoted("/etc/passwd");
  CHECK(log.text() == "nestp[warning] log_test: 4711 openat \"/etc/passwd\"\n");
}

TEST_CASE("a disabled line evaluates nothing", "[log]") {
  CapturedLog log;
  int evaluated = 0;
  LOG(info) << ++evaluated;
  CHECK(evaluated == 0);
  CHECK(log.text().empty());
}

TEST_CASE("-v and its repetitions raise the level", "[log]") {
  CapturedLog log;
  const auto lines = [&](int verbosity) {
    const std::size_t before = log.text().size();
    set_log_level(verbosity);
    LOG(error) << "e";
    LOG(warning) << "w";
    LOG(info) << "i";
    LOG(debug) << "d";
    LOG(trace) << "t";
    std::string seen;
    for (std::size_t at = before; (at = log.text().find(": ", at)) != std::string::npos; ++at) {
      seen += log.text()[at + 2];
    }
    return seen;
  };
  CHECK(lines(-7) == "e");
  CHECK(lines(-1) == "e");
  CHECK(lines(0) == "ew");
  CHECK(lines(1) == "ewi");
  CHECK(lines(2) == "ewid");
  CHECK(lines(3) == "ewidt");
  CHECK(lines(99) == "ewidt");
}

TEST_CASE("a filter sets single modules", "[log]") {
  CapturedLog log;
  REQUIRE(set_log_filter("loop:trace,log_test:debug"));
  LOG(trace) << "no";
  LOG(debug) << "yes";
  CHECK(log.text() == "nestp[debug] log_test: yes\n");

  REQUIRE(set_log_filter("trace,log_test:error"));
  LOG(warning) << "no";
  CHECK(log.text() == "nestp[debug] log_test: yes\n");
  CHECK(detail::log_is_on(LogLevel::trace, "loop"));
}

TEST_CASE("a filter outranks the number of -v", "[log]") {
  CapturedLog log;
  REQUIRE(set_log_filter("debug"));
  set_log_level(-1);
  CHECK(detail::log_is_on(LogLevel::debug, "loop"));
  CHECK_FALSE(detail::log_is_on(LogLevel::trace, "loop"));
}

TEST_CASE("a malformed filter changes nothing", "[log]") {
  CapturedLog log;
  REQUIRE(set_log_filter("debug"));
  for (const char* text : {"loud", "loop:", ":debug", "loop:loud", "debug,,trace", "Debug"}) {
    INFO(text);
    CHECK_FALSE(set_log_filter(text));
  }
  CHECK(detail::log_is_on(LogLevel::debug, "loop"));
}

TEST_CASE("quoting escapes what would spoil a line", "[log]") {
  CHECK(quoted("") == "\"\"");
  CHECK(quoted("a b\"c\\d") == "\"a b\\\"c\\\\d\"");
  CHECK(quoted("a\nb\x1b[0m\x7f") == "\"a\\nb\\033[0m\\177\"");
  CHECK(quoted("gr\xc3\xbc\xc3\x9f") == "\"gr\xc3\xbc\xc3\x9f\"");
}

TEST_CASE("the module is the base name", "[log]") {
  STATIC_REQUIRE(detail::module_of("../engine/ptrace/loop.cc") == "loop");
  STATIC_REQUIRE(detail::module_of("loop.cc") == "loop");
  STATIC_REQUIRE(detail::module_of("a.b/loop") == "loop");
}

}  // namespace
}  // namespace nestp
