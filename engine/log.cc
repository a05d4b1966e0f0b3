#include "engine/log.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <unistd.h>
#include <utility>
#include <vector>

namespace nestp {
namespace {

constexpr std::array<std::string_view, 5> kLevelNames = {"error", "warning", "info", "debug",
                                                         "trace"};

struct ModuleLevel {
  std::string module;
  LogLevel level;
};

struct Filter {
  std::optional<LogLevel> everything;
  std::vector<ModuleLevel> modules;
};

struct Settings {
  LogLevel verbosity = LogLevel::warning;
  Filter filter;
  LogSink sink;
};

// Made on first use, so that no static initialisation has an effect.
Settings& settings() {
  static Settings the_settings;
  return the_settings;
}

std::optional<LogLevel> parse_level(std::string_view name) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

std::optional<Filter> parse_filter(std::string_view text) {
  Filter filter;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    const std::size_t colon = word.find(':');
    const bool has_module = colon != word.npos;
    const auto level = parse_level(has_module ? word.substr(colon + 1) : word);
    if (!level || colon == 0) return std::nullopt;
    if (has_module) {
      filter.modules.push_back({std::string(word.substr(0, colon)), *level});
    } else {
      filter.everything = level;
    }
  }
  return filter;
}

void update_threshold() {
  const Settings& now = settings();
  LogLevel most = now.filter.everything.value_or(now.verbosity);
  for (const ModuleLevel& module : now.filter.modules)
    most = std::max(most, module.level);
  detail::g_log_threshold = most;
}

void write_to_stderr(std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody reads: nothing is left to tell it to
    line.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void set_log_level(int verbosity) {
  const int level = static_cast<int>(LogLevel::warning) + verbosity;
  settings().verbosity = level <= 0 ? LogLevel::error
                         : level >= static_cast<int>(LogLevel::trace)
                             ? LogLevel::trace
                             : static_cast<LogLevel>(level);
  update_threshold();
}

bool set_log_filter(std::string_view text) {
  auto filter = parse_filter(text);
  if (!filter) return false;
  settings().filter = std::move(*filter);
  update_threshold();
  return true;
}

bool read_log_environment() {
  const char* text = std::getenv("NESTP_LOG");
  return text == nullptr || set_log_filter(text);
}

void set_log_sink(LogSink sink) { settings().sink = std::move(sink); }

std::string quoted(std::string_view text) {
  constexpr std::string_view kDigits = "01234567";
  std::string result = "\"";
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\') {
      result += '\\';
      result += character;
    } else if (character == '\n') {
      result += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      result += '\\';
      for (const int shift : {6, 3, 0})
        result += kDigits[(byte >> shift) & 7];
    } else {
      result += character;
    }
  }
  return result + '"';
}

namespace detail {

LogLevel g_log_threshold = LogLevel::warning;

bool module_logs(LogLevel level, std::string_view module) {
  const Settings& now = settings();
  for (const ModuleLevel& named : now.filter.modules) {
    if (named.module == module) return level <= named.level;
  }
  return level <= now.filter.everything.value_or(now.verbosity);
}

LogLine::LogLine(LogLevel level, std::string_view module) {
  text_ << "nestp[" << kLevelNames[static_cast<std::size_t>(level)] << "] " << module << ": ";
}

LogLine::~LogLine() {
  text_ << '\n';
  const std::string line = text_.str();
  if (const LogSink& sink = settings().sink; sink) {
    sink(line);
  } else {
    write_to_stderr(line);
  }
}

}  // namespace detail
}  // namespace nestp
