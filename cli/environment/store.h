// Where named environments are, which there are, and who runs in them.
#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "arch/result.h"
#include "cli/environment/settings.h"
#include "fs/fd.h"

namespace nestp::environment {

/// Letters, digits, '.', '_', '-'; not at the start '.' or '-'.
bool is_name(std::string_view name);

/// $XDG_DATA_HOME/nestp/environments, and $XDG_CACHE_HOME/nestp.
std::string store_directory();
std::string cache_directory();

/// Directory of an environment; holds `root` and `settings`.
std::string directory_of(const std::string& name);
std::string root_of(const std::string& name);

bool is_there(const std::string& name);
std::vector<std::string> names();

Result<Settings> read_settings(const std::string& name);
/// What holds for all environments and for JuNest's sessions: $XDG_CONFIG_HOME/nestp/settings, in
/// the same form.  Empty if there is no such file.
Result<Settings> read_common_settings();
/// `settings` where they say something, else `common`; lists are joined.
void add_common(Settings& settings, const Settings& common);
Result<> write_settings(const std::string& directory, const std::string& name,
                        const Settings& settings);

enum class Use : std::uint8_t {
  shared,  ///< a session
  alone,   ///< a change
};
/// Held as long as the descriptor; fails if somebody else's use is in the way.
Result<UniqueFd> lock(const std::string& name, Use use);

/// A running session: its process holds a lock on a file of its own.
struct Session {
  pid_t process = 0;
  std::string name{};
  std::string command{};
};
std::vector<Session> sessions();
/// Notes this process as a session; the descriptor keeps the note alive.
Result<UniqueFd> note_session(const std::string& name, const std::string& command);

/// mkdir -p.
Result<> make_directories(const std::string& path);

}  // namespace nestp::environment
