// Images out of a registry: names, tokens, blobs, and a cache of them.
#pragma once

#include <string>
#include <string_view>

#include "arch/result.h"
#include "cli/image/oci.h"

namespace nestp {

/// "HOST[:PORT]/NAME[:TAG][@DIGEST]".
struct ImageReference {
  std::string host{};
  std::string name{};
  std::string tag = "latest";  ///< or the digest
  friend bool operator==(const ImageReference&, const ImageReference&) = default;
};
Result<ImageReference> parse_reference(std::string_view text);

/// A challenge as of RFC 9110: "Bearer realm=...,service=...".
struct Challenge {
  std::string scheme{};  ///< lower case
  std::string realm{}, service{}, scope{};
};
Challenge parse_challenge(std::string_view text);

/// `text` as a part of a query: RFC 3986.
std::string percent_encoded(std::string_view text);

/// Fetches what is not in the cache yet, several parts at once.
Result<LocalImage> pull_image(const ImageReference& reference, const std::string& machine,
                              const std::string& cache, bool insecure);

}  // namespace nestp
