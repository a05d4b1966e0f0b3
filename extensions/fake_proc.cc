#include "extensions/fake_proc.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <iterator>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "fs/fd.h"

namespace nestp {
namespace {

double seconds_of(clockid_t clock) {
  constexpr double kNanoseconds = 1e9;
  timespec time{};
  (void)clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / kNanoseconds;
}

unsigned long long ticks(double seconds) {
  return static_cast<unsigned long long>(seconds * static_cast<double>(sysconf(_SC_CLK_TCK)));
}

template <typename... Values>
std::string formatted(const char* format, Values... values) {
  constexpr std::size_t kRoom = 512;  // bytes: more than any line here has
  std::array<char, kRoom> line{};
  const int size = std::snprintf(line.data(), line.size(), format, values...);
  return {line.data(), std::min(static_cast<std::size_t>(std::max(size, 0)), kRoom - 1)};
}

/// One line of /proc/stat: what is not known to be busy was idle.
std::string processor_line(const std::string& name, double idle) {
  return formatted("%s 0 0 0 %llu 0 0 0 0 0 0\n", name.c_str(), ticks(idle));
}

std::string make_stat() {
  const double up = seconds_of(CLOCK_BOOTTIME);
  const long count = std::max(sysconf(_SC_NPROCESSORS_ONLN), 1L);
  std::string text = processor_line("cpu ", up * static_cast<double>(count));
  for (long i = 0; i < count; ++i)
    text += processor_line("cpu" + std::to_string(i), up);
  const double start = seconds_of(CLOCK_REALTIME) - up;
  text += formatted("intr 0\nctxt 0\nbtime %lld\n", static_cast<long long>(start));
  text += formatted("processes %d\nprocs_running 1\nprocs_blocked 0\n", getpid());
  return text + "softirq 0 0 0 0 0 0 0 0 0 0 0\n";
}

std::string make_loadavg() {
  constexpr double kScale = 1 << SI_LOAD_SHIFT;
  struct sysinfo facts {};
  (void)sysinfo(&facts);
  const auto load = [&facts](std::size_t index) {
    return static_cast<double>(facts.loads[index]) / kScale;
  };
  return formatted("%.2f %.2f %.2f 1/%u %d\n", load(0), load(1), load(2),
                   static_cast<unsigned>(facts.procs), getpid());
}

std::string make_uptime() {
  const double up = seconds_of(CLOCK_BOOTTIME);
  const long count = std::max(sysconf(_SC_NPROCESSORS_ONLN), 1L);
  return formatted("%.2f %.2f\n", up, up * static_cast<double>(count));
}

std::string make_vmstat() {
  struct sysinfo facts {};
  (void)sysinfo(&facts);
  const auto page = static_cast<unsigned long long>(std::max(sysconf(_SC_PAGESIZE), 1L));
  const auto pages = [&](unsigned long amount) {
    return static_cast<unsigned long long>(amount) * facts.mem_unit / page;
  };
  // In the kernel's order; programs look for names and take a missing one as none.
  return formatted("nr_free_pages %llu\nnr_file_pages %llu\nnr_shmem %llu\n", pages(facts.freeram),
                   pages(facts.bufferram), pages(facts.sharedram)) +
         "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\n";
}

std::string make_version() {
  utsname system{};
  (void)uname(&system);
  return std::string(system.sysname) + " version " + system.release + " (" + system.nodename +
         ") " + system.version + "\n";
}

struct StandIn {
  std::string_view name;
  std::string (*make)();
};
constexpr StandIn kStandIns[] = {{"stat", make_stat},
                                 {"loadavg", make_loadavg},
                                 {"uptime", make_uptime},
                                 {"vmstat", make_vmstat},
                                 {"version", make_version}};

}  // namespace

std::vector<std::string_view> FakeProc::unreadable() {
  std::vector<std::string_view> names;
  for (const StandIn& stand_in : kStandIns) {
    if (!read_file("/proc/" + std::string(stand_in.name))) names.push_back(stand_in.name);
  }
  return names;
}

bool FakeProc::on_text(pid_t, std::string_view host, std::optional<std::string>& text) {
  constexpr std::string_view kDirectory = "/proc/";
  if (text || !host.starts_with(kDirectory)) return false;
  host.remove_prefix(kDirectory.size());
  const bool is_mine = std::find(names_.begin(), names_.end(), host) != names_.end();
  const auto found = std::find_if(std::begin(kStandIns), std::end(kStandIns),
                                  [host](const StandIn& each) { return each.name == host; });
  if (!is_mine || found == std::end(kStandIns)) return false;
  text = found->make();
  return true;
}

}  // namespace nestp
