#include "extensions/fake_proc.h"

#include <cstdio>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "fs/fd.h"

namespace nestp {
namespace {

FakeProc all_five() { return FakeProc({"stat", "loadavg", "uptime", "vmstat", "version"}); }

std::string stand_in(std::string_view host) {
  std::optional<std::string> text;
  return all_five().on_text(1, host, text) ? *text : std::string();
}

TEST_CASE("stand-ins have the form of the real files", "[extensions][fake_proc]") {
  double load[3];
  int running = 0, all = 0, last = 0;
  CHECK(std::sscanf(stand_in("/proc/loadavg").c_str(), "%lf %lf %lf %d/%d %d\n", load, load + 1,
                    load + 2, &running, &all, &last) == 6);
  double up = 0, idle = 0;
  CHECK(std::sscanf(stand_in("/proc/uptime").c_str(), "%lf %lf\n", &up, &idle) == 2);
  CHECK(up > 0);
  CHECK(idle >= up);
  const std::string stat = stand_in("/proc/stat");
  CHECK(stat.starts_with("cpu  0 0 0 "));
  CHECK(stat.find("\ncpu0 ") != stat.npos);
  CHECK(stat.find("\nbtime ") != stat.npos);
  const std::string count = "\ncpu" + std::to_string(sysconf(_SC_NPROCESSORS_ONLN) - 1) + " ";
  CHECK(stat.find(count) != stat.npos);
  CHECK(stand_in("/proc/vmstat").starts_with("nr_free_pages "));
  CHECK(stand_in("/proc/version").starts_with("Linux version "));
}

TEST_CASE("what can be read, and other files, stay", "[extensions][fake_proc]") {
  std::optional<std::string> text = "real\n";
  CHECK_FALSE(all_five().on_text(1, "/proc/uptime", text));
  CHECK(text == "real\n");
  CHECK(stand_in("/proc/7/stat").empty());
  CHECK(stand_in("/proc/meminfo").empty());
  CHECK(stand_in("/srv/stat").empty());
  text.reset();
  CHECK_FALSE(FakeProc({"stat"}).on_text(1, "/proc/uptime", text));
}

TEST_CASE("a file that can be read needs none", "[extensions][fake_proc]") {
  for (const std::string_view name : FakeProc::unreadable())
    CHECK_FALSE(read_file("/proc/" + std::string(name)));
}

}  // namespace
}  // namespace nestp
