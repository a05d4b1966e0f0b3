// Lines for the person who wants to know what nestp does.
//
//   LOG(debug) << thread << " openat " << quoted(path) << " -> " << quoted(host);
//   nestp[debug] translate: 4711 openat "/etc/passwd" -> "/srv/root/etc/passwd"
//
// The module of a line is the base name of its source file.  A disabled LOG is
// one branch and evaluates nothing to its right.  Lower case, no period, thread
// id first.  The settings are made before the first thread starts.
#pragma once

#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>

namespace nestp {

enum class LogLevel : std::uint8_t {
  error,    ///< nestp failed
  warning,  ///< the guest may notice
  info,     ///< once a run
  debug,    ///< once a call
  trace,    ///< once a stop
};

/// What -v says: -1 and below errors, 0 warnings (the start), 1 info, 2 debug, 3 and above trace.
void set_log_level(int verbosity);

/// Takes "debug" or "translate:debug,loop:trace", as NESTP_LOG holds it; a level
/// without a module is for all modules.  It outranks set_log_level whichever
/// comes first.  False, and nothing changes, if `text` is malformed.
bool set_log_filter(std::string_view text);

/// set_log_filter with NESTP_LOG's value; false if that is malformed.
bool read_log_environment();

using LogSink = std::function<void(std::string_view line)>;
/// Where whole lines, newline included, go; null: one write(2) to descriptor 2.
void set_log_sink(LogSink sink);

/// `text` in double quotes, control characters, quotes and backslashes escaped.
std::string quoted(std::string_view text);

// ---- details ----------------------------------------------------------------

namespace detail {

/// The most talkative level that any module has.
extern LogLevel g_log_threshold;

bool module_logs(LogLevel level, std::string_view module);

inline bool log_is_on(LogLevel level, std::string_view module) {
  return level <= g_log_threshold && module_logs(level, module);
}

constexpr std::string_view module_of(std::string_view file) {
  if (const std::size_t slash = file.rfind('/'); slash != file.npos) file.remove_prefix(slash + 1);
  return file.substr(0, file.rfind('.'));
}

/// One line on its way: collects text, and writes it when it goes.
class LogLine {
 public:
  LogLine(LogLevel level, std::string_view module);
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;
  ~LogLine();
  std::ostream& stream() { return text_; }

 private:
  std::ostringstream text_;
};

/// Gives both arms of the macros' conditional the type void; binds looser than <<.
struct Discard {
  void operator&(const std::ostream&) const {}
};

}  // namespace detail

#define LOG(level)                                                                            \
  !::nestp::detail::log_is_on(::nestp::LogLevel::level, ::nestp::detail::module_of(__FILE__)) \
      ? (void)0                                                                               \
      : ::nestp::detail::Discard() &                                                          \
            ::nestp::detail::LogLine(::nestp::LogLevel::level,                                \
                                     ::nestp::detail::module_of(__FILE__))                    \
                .stream()

}  // namespace nestp
