#include "cli/bench/bench.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/bench/chart.h"
#include "cli/bench/contenders.h"
#include "cli/bench/figures.h"
#include "cli/child.h"
#include "cli/environment/words.h"
#include "cli/output.h"
#include "cli/programs.h"
#include "cli/run.h"
#include "cli/text_file.h"
#include "fs/fd.h"

namespace nestp::bench {
namespace {

/// How long is measured: rounds in which all take turns, and one operation's time in a round.
struct Effort {
  int rounds = 5;
  int milliseconds = 40;
};
constexpr Effort kQuick{.rounds = 3, .milliseconds = 10};
/// No operation takes so long; who does hangs.
constexpr unsigned kLongestSeconds = 120;

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

std::string cpu_model() {
  const auto text = read_file("/proc/cpuinfo");
  const std::size_t begin = text ? text->find("model name") : std::string::npos;
  if (begin == std::string::npos) return "an unnamed processor";
  const std::string line = text->substr(begin, text->find('\n', begin) - begin);
  return line.substr(std::min(line.size(), line.find(':') + 2));
}

std::vector<std::pair<std::string, std::string>> facts_here(const std::string& rootfs,
                                                            const Effort& effort) {
  std::array<char, 32> date{};
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  (void)std::strftime(date.data(), date.size(), "%Y-%m-%d %H:%M", ::localtime_r(&now, &local));
  utsname name{};
  (void)::uname(&name);  // it fails on a bad address alone
  const auto load = read_file("/proc/loadavg");
  return {{"nestp", NESTP_VERSION},
          {"date", date.data()},
          {"kernel", name.release},
          {"cpu", std::to_string(::sysconf(_SC_NPROCESSORS_ONLN)) + " x " + cpu_model()},
          {"load", load ? load->substr(0, load->find_last_of(' ')) : "unknown"},
          {"root", rootfs},
          {"rounds", std::to_string(effort.rounds)}};
}

/// The operations that the measuring program has, those with `only` in their names.
Result<std::vector<Figure>> figures_to_measure(const Place& place, const std::string& only) {
  const auto listed = output_of({place.program(), "list"});
  if (!listed) return listed.error();
  std::vector<Figure> figures;
  std::string_view rest = *listed;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::size_t tab = line.find('\t');
    const std::string name(line.substr(0, tab));
    if (name.find(only) == std::string::npos) continue;
    figures.push_back({.name = name, .title = std::string(line.substr(tab + 1))});
  }
  if (figures.empty()) return Error{"no operation has '" + only + "' in its name"};
  return figures;
}

void measure(const Contender& contender, int milliseconds, Figure& figure) {
  if (figure.failed.contains(contender.name)) return;
  std::string errors;
  const auto output = output_of(contender.command(milliseconds, figure.name),
                                {.errors = &errors, .seconds = kLongestSeconds});
  double nanoseconds = 0;
  if (output && std::sscanf(output->c_str(), "%*s %lf", &nanoseconds) == 1) {
    figure.samples[contender.name].push_back(nanoseconds);
    return;
  }
  const std::string said = last_line(errors);
  figure.failed[contender.name] =
      !said.empty() ? said : (output ? "it printed no figure" : output.error().message);
}

void measure_all(const std::vector<Contender>& all, const Effort& effort, Figures& figures) {
  const bool shows_progress = ::isatty(STDERR_FILENO) == 1;
  for (int round = 1; round <= effort.rounds; ++round) {
    for (Figure& figure : figures.all) {
      if (shows_progress) {
        print_error("\r\033[Kround " + std::to_string(round) + " of " +
                    std::to_string(effort.rounds) + ": " + figure.shown_name());
      }
      for (const Contender& contender : all)
        measure(contender, effort.milliseconds, figure);
    }
  }
  if (shows_progress) print_error("\r\033[K");
}

Result<Figures> measured(const std::string& rootfs, const Effort& effort, const std::string& only) {
  Place place;
  if (const auto done = place.make(); !done) return done.error();
  Figures figures{.reference = "native", .facts = facts_here(rootfs, effort)};
  auto operations = figures_to_measure(place, only);
  if (!operations) return operations.error();
  figures.all = *std::move(operations);
  measure_all(contenders(place, rootfs), effort, figures);
  return figures;
}

Result<Figures> obtain(const environment::CommandWords& read) {
  if (read.has("--from")) {
    const auto text = read_file(read.value("--from"));
    if (!text) return Error{read.value("--from") + ": " + std::strerror(text.error().code())};
    auto figures = parse_figures(*text);
    if (!figures) return figures.error().in(read.value("--from"));
    return figures;
  }
  const std::string given = read.has("--rootfs") ? read.value("--rootfs") : "/";
  const std::unique_ptr<char, decltype(&::free)> rootfs(::realpath(given.c_str(), nullptr), ::free);
  if (rootfs == nullptr) return Error{given + ": " + std::strerror(errno)};
  return measured(rootfs.get(), read.has("--quick") ? kQuick : Effort(), read.value("--only"));
}

}  // namespace

int run(std::span<const std::string> words) {
  std::vector<std::string> all(words.begin(), words.end());
  std::ranges::replace(all, "-r", "--rootfs");
  const auto read = environment::read_words(all,
                                            {{"--rootfs", true},
                                             {"--quick"},
                                             {"--json"},
                                             {"--svg", true},
                                             {"--only", true},
                                             {"--from", true}},
                                            {.usage = usage_of("bench")});
  if (!read) return fail(read.error().message, exit_not_started);
  const auto figures = obtain(*read);
  if (!figures) return fail("bench: " + figures.error().message, exit_not_started);
  print(read->has("--json") ? figures_json(*figures) : figures_table(*figures));
  if (read->has("--svg")) {
    const auto done = write_text_file(read->value("--svg"), chart_svg(*figures));
    if (!done) return fail("bench: " + done.error().message, 1);
  }
  // Whoever looks at the status alone wants to know of nestp.
  const bool is_measured = std::ranges::any_of(
      figures->all, [](const Figure& figure) { return figure.median("nestp").has_value(); });
  return is_measured ? 0 : 1;
}

}  // namespace nestp::bench
