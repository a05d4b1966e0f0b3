#include "engine/stats.h"

#include <algorithm>
#include <iomanip>
#include <numeric>
#include <sstream>
#include <string_view>
#include <vector>

namespace nestp {
namespace {

constexpr double kNanosecondsPerMicrosecond = 1e3;
constexpr double kNanosecondsPerMillisecond = 1e6;

/// In the order of gate::AskReason; what stands behind "not inside: ".
constexpr std::array<std::string_view, gate::kAskReasons> kReasons = {
    "unusual arguments", "process suspended", "path not known", "special name",
    "may change a file", "owner on record",   "permission",
};
constexpr std::string_view kUnpatched = "code not patched";

struct Line {
  std::string_view name;
  const CallStats* stats;
};

/// Calls that came, the costliest first.
std::vector<Line> lines_of(const Stats& stats) {
  std::vector<Line> lines;
  for (std::size_t i = 0; i <= kSysCount; ++i) {
    const auto sys = static_cast<Sys>(i);
    const CallStats& call = stats.of(sys);
    if (call.calls != 0 || call.stops != 0 || call.inside != 0)
      lines.push_back({name_of(sys), &call});
  }
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    return a.stats->nanoseconds > b.stats->nanoseconds;
  });
  return lines;
}

double percentage(std::uint64_t part, std::uint64_t rest) {
  return part + rest == 0 ? 0
                          : 100.0 * static_cast<double>(part) / static_cast<double>(part + rest);
}

void print_call(std::ostream& out, std::string_view name, const CallStats& call) {
  const double each =
      call.calls == 0 ? 0 : static_cast<double>(call.nanoseconds) / static_cast<double>(call.calls);
  out << std::left << std::setw(24) << name << std::right << std::setw(10) << call.calls
      << std::setw(10) << call.stops << std::setw(10) << call.exits << std::setw(10)
      << call.answered << std::setw(10) << call.inside << std::setw(12)
      << static_cast<double>(call.nanoseconds) / kNanosecondsPerMillisecond << std::setw(10)
      << each / kNanosecondsPerMicrosecond << '\n';
}

/// Calls that came from code that does not lead to the handler.
std::uint64_t unpatched(const CallStats& call) {
  const std::uint64_t asked = std::accumulate(call.asked.begin(), call.asked.end(), 0ULL);
  return call.has_fast_path && call.calls > asked ? call.calls - asked : 0;
}

void print_reasons(std::ostream& out, const std::vector<Line>& lines) {
  bool is_first = true;
  for (const Line& line : lines) {
    std::ostringstream text;
    const auto add = [&text](std::uint64_t count, std::string_view reason) {
      if (count != 0) text << (text.tellp() > 0 ? ", " : "") << count << ' ' << reason;
    };
    for (std::size_t i = 0; i < kReasons.size(); ++i)
      add(line.stats->asked[i], kReasons[i]);
    add(unpatched(*line.stats), kUnpatched);
    if (text.tellp() <= 0) continue;
    if (is_first) out << "\nnot inside\n";
    is_first = false;
    out << std::left << std::setw(24) << line.name << text.str() << '\n';
  }
}

void write_reasons(std::ostream& out, const CallStats& call) {
  if (!call.has_fast_path) return;
  out << ", \"not_inside\": {";
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    if (call.asked[i] != 0) out << '"' << kReasons[i] << "\": " << call.asked[i] << ", ";
  }
  out << '"' << kUnpatched << "\": " << unpatched(call) << '}';
}

void write_call(std::ostream& out, const CallStats& call) {
  out << "{\"calls\": " << call.calls << ", \"stops\": " << call.stops
      << ", \"exits\": " << call.exits << ", \"answered\": " << call.answered
      << ", \"inside\": " << call.inside << ", \"nanoseconds\": " << call.nanoseconds;
  write_reasons(out, call);
  out << '}';
}

}  // namespace

CallStats Stats::total() const {
  CallStats sum;
  for (const CallStats& call : calls_) {
    sum.calls += call.calls;
    sum.stops += call.stops;
    sum.exits += call.exits;
    sum.answered += call.answered;
    sum.inside += call.inside;
    sum.nanoseconds += call.nanoseconds;
  }
  return sum;
}

std::string Stats::text() const {
  std::ostringstream out;
  const CallStats sum = total();
  out << std::fixed << std::setprecision(2);
  out << "run        " << static_cast<double>(run_nanoseconds) / kNanosecondsPerMillisecond
      << " ms, " << static_cast<double>(sum.nanoseconds) / kNanosecondsPerMillisecond
      << " ms of it in the tracer for calls\n"
      << "guest      " << threads << " threads, " << most_threads << " at once, " << executions
      << " executions, " << signals << " signals\n"
      << "stops      " << sum.stops << " for calls, " << other_stops << " others\n"
      << "path cache " << cache_hits << " hits, " << cache_misses << " misses, "
      << percentage(cache_hits, cache_misses) << " % hits\n";
  if (!gate::kHasHandler) out << "fast path  not on this processor\n";
  out << '\n';
  out << std::left << std::setw(24) << "call" << std::right << std::setw(10) << "calls"
      << std::setw(10) << "stops" << std::setw(10) << "exits" << std::setw(10) << "answered"
      << std::setw(10) << "inside" << std::setw(12) << "tracer ms" << std::setw(10) << "us each"
      << '\n';
  const auto lines = lines_of(*this);
  for (const Line& line : lines)
    print_call(out, line.name, *line.stats);
  print_call(out, "total", sum);
  print_reasons(out, lines);
  return out.str();
}

std::string Stats::json() const {
  // Names of syscalls need no escaping, and all else is numbers.
  std::ostringstream out;
  out << "{\"run_nanoseconds\": " << run_nanoseconds << ", \"threads\": " << threads
      << ", \"most_threads\": " << most_threads << ", \"executions\": " << executions
      << ", \"signals\": " << signals << ", \"other_stops\": " << other_stops
      << ", \"cache_hits\": " << cache_hits << ", \"cache_misses\": " << cache_misses
      << ", \"total\": ";
  write_call(out, total());
  out << ", \"calls\": {";
  const char* comma = "";
  for (const Line& line : lines_of(*this)) {
    out << comma << '"' << line.name << "\": ";
    write_call(out, *line.stats);
    comma = ", ";
  }
  out << "}}\n";
  return out.str();
}

}  // namespace nestp
