// Where JuNest's image is, who is there, and what JuNest says.
#pragma once

#include <string>
#include <string_view>

#include "arch/result.h"

namespace nestp::junest {

/// JuNest's exit codes.
enum ExitCode : int {
  exit_failure = 1,
  exit_unknown_arch = 102,
  exit_no_file = 103,
  exit_other_arch = 104,
  exit_is_root = 105,
  exit_nested = 106,
  exit_bad_variable = 107,
};

struct Place {
  std::string home;       ///< JUNEST_HOME, absolute
  std::string temporary;  ///< JUNEST_TEMPDIR
  std::string user_home;  ///< HOME
  unsigned uid = 0;
  std::string arch;  ///< of this machine, in JuNest's words; empty: one it has no word for
};

/// From the environment.
Result<Place> find_place();

/// JuNest's word for a machine as uname(2) names it: x86_64, x86, arm, aarch64; else empty.
std::string_view arch_word(std::string_view machine);

/// True if JUNEST_HOME has an image, or anything.
bool is_installed(const Place& place);
/// JUNEST_ARCH of the image's etc/junest/info; this machine's if the image does not say.
std::string image_arch(const Place& place);
/// 0, or the exit code that JUNEST_ENV calls for: no session inside a session.
int nested_code(const char* variable);

void say_error(std::string_view text);
void say_warning(std::string_view text);
void say_info(std::string_view text);
/// Says the error; gives the code.
int fail(std::string_view text, int code = exit_failure);

}  // namespace nestp::junest
