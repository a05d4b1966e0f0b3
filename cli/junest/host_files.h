// The host's files that a session needs in the image's /etc, refreshed at each entry.
#pragma once

#include <string>
#include <string_view>

#include "cli/junest/place.h"

namespace nestp::junest {

enum class Session : std::uint8_t { user, root };

/// What cannot be written is passed over: the image may be read-only or somebody else's.
void refresh_host_files(const Place& place, Session session);

/// The image's `passwd` or `group` with `line` in place of those of the same name or id; all
/// others, which the image's own programs may have made, stay.
std::string with_account(std::string_view file, std::string_view line);

}  // namespace nestp::junest
