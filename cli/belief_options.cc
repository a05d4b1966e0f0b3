#include "cli/belief_options.h"

#include <string>
#include <utility>

namespace nestp {

Result<> set_kernel(Request& request, std::string_view value) {
  Result<KernelFields> fields = parse_kernel_fields(value);
  if (!fields) return fields.error();
  // --hostname is a wish of its own, whichever came first.
  if (!fields->node) fields->node = request.kernel.node;
  request.kernel = *std::move(fields);
  return Done{};
}

Result<> set_hostname(Request& request, std::string_view value) {
  constexpr std::size_t kLongest = 64;  // bytes (__NEW_UTS_LEN)
  if (value.empty()) return Error{"the host's name is empty"};
  if (value.size() > kLongest) return Error{"the host's name is longer than 64 bytes"};
  request.kernel.node = std::string(value);
  return Done{};
}

}  // namespace nestp
