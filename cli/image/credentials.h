// What docker login and podman login have stored: in their files, or behind their helper programs.
#pragma once

#include <string>
#include <string_view>

namespace nestp {

/// Where a password comes from.
struct Credentials {
  std::string basic{};   ///< "user:password" in Base64; empty: none
  std::string helper{};  ///< else the program to ask: "docker-credential-NAME"
  friend bool operator==(const Credentials&, const Credentials&) = default;
};

/// Those for `repository` ("HOST/NAME") in a file of theirs.  The entry that says most of the
/// name counts, as in containers-auth.json(5).
Credentials stored_credentials(const std::string& text, const std::string& repository);

/// The same out of the usual files, the most special first; helpers are asked.  Empty: none.
std::string find_credentials(const std::string& repository);

std::string base64(std::string_view bytes);

}  // namespace nestp
