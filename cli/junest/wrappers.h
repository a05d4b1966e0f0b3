// Scripts through which the host runs the image's programs by name.
#pragma once

#include <string>

#include "arch/result.h"
#include "cli/junest/place.h"

namespace nestp::junest {

/// The one script all wrappers are links to.  `home`: for a wrapper that cannot tell where it
/// lies; `program`: nestp itself.
std::string wrapper_script(const std::string& home, const std::string& program);

enum class Existing : std::uint8_t { keep, replace };

/// Makes the image's DIR_wrappers agree with its DIR: wrappers for what was installed, none for
/// what is gone.  Costs two stat(2) if DIR has not changed since the last time.
Result<> refresh_wrappers(const Place& place, const std::string& bin_path, Existing existing);

/// The same for /usr/bin at the end of a session; failures are told by -v only.
void refresh_wrappers_quietly(const Place& place);

}  // namespace nestp::junest
