#include "fs/proc_links.h"

#include <catch2/catch.hpp>

namespace nestp {
namespace {

TEST_CASE("entries of /proc are known by name", "[fs][proc]") {
  const auto name = [](const char* directory, const char* entry) {
    return proc_link(directory, entry).name;
  };
  CHECK(name("/proc", "self") == ProcName::self);
  CHECK(name("/proc", "thread-self") == ProcName::thread_self);
  CHECK(name("/proc", "12") == ProcName::plain);
  CHECK(name("/proc", "012") == ProcName::unknown);
  CHECK(name("/proc", "mounts") == ProcName::unknown);
  CHECK(name("/proc/12", "exe") == ProcName::executable);
  CHECK(name("/proc/12", "root") == ProcName::root);
  CHECK(name("/proc/12", "cwd") == ProcName::object);
  CHECK(name("/proc/12", "maps") == ProcName::plain);
  CHECK(name("/proc/12/fd", "3") == ProcName::object);
  CHECK(name("/proc/12/task", "13") == ProcName::plain);
  CHECK(name("/proc/12/task/13", "exe") == ProcName::executable);
  CHECK(name("/proc/12/task/13/ns", "mnt") == ProcName::object);
  CHECK(name("/proc/sys", "exe") == ProcName::unknown);
  const ProcLink link = proc_link("/proc/12/task/13/fd", "3");
  CHECK(link.process == 12);
  CHECK(link.thread == 13);
}

TEST_CASE("files that tell of host paths are found", "[fs][proc]") {
  CHECK(proc_file("/proc/12/maps").text == ProcText::maps);
  CHECK(proc_file("/proc/12/maps").process == 12);
  CHECK(proc_file("/proc/12/task/13/mountinfo").text == ProcText::mountinfo);
  CHECK(proc_file("/proc/12/task/13/mountinfo").thread == 13);
  CHECK(proc_file("/proc/mounts").text == ProcText::mounts);
  for (const char* other : {"/proc/12/statm", "/proc/12", "/proc/12/maps/x", "/proc/self/maps",
                            "/srv/proc/12/maps", "/proc/12/task/13", "/proc/12/fd/maps"}) {
    INFO(other);
    CHECK(proc_file(other).text == ProcText::none);
  }
}

}  // namespace
}  // namespace nestp
