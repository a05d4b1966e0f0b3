#include "cli/image/credentials.h"

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "cli/child.h"
#include "cli/image/json.h"
#include "engine/log.h"
#include "fs/fd.h"

namespace nestp {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<std::string> credential_files() {
  std::vector<std::string> files;
  if (const auto path = variable("REGISTRY_AUTH_FILE"); !path.empty()) files.push_back(path);
  if (const auto path = variable("XDG_RUNTIME_DIR"); !path.empty()) {
    files.push_back(path + "/containers/auth.json");
  }
  const std::string home = variable("HOME");
  const std::string settings = variable("XDG_CONFIG_HOME");
  files.push_back((settings.empty() ? home + "/.config" : settings) + "/containers/auth.json");
  const std::string docker = variable("DOCKER_CONFIG");
  files.push_back((docker.empty() ? home + "/.docker" : docker) + "/config.json");
  return files;
}

/// A key of "auths" or "credHelpers" as "HOST[/NAME...]".
std::string plain_key(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  }
  // Docker's keys name the interface, not a repository: "https://index.docker.io/v1/".
  for (const std::string_view end : {"/v1/", "/v2/", "/v1", "/v2", "/"}) {
    if (key.ends_with(end)) key.remove_suffix(end.size());
  }
  std::string plain(key);
  for (const std::string_view host : {"index.docker.io", "registry-1.docker.io"}) {
    if (plain == host || plain.starts_with(std::string(host) + "/"))
      plain.replace(0, host.size(), "docker.io");
  }
  return plain;
}

/// How much of `repository` a key says; 0: it is another's.
std::size_t weight(const std::string& key, const std::string& repository) {
  const std::string plain = plain_key(key);
  const bool fits = repository == plain || repository.starts_with(plain + "/");
  return fits ? plain.size() : 0;
}

/// The member of `all` whose key fits best; empty if none does.
std::string best_key(const Json& all, const std::string& repository) {
  std::string best;
  for (const std::string& key : all.keys()) {
    if (weight(key, repository) > weight(best, repository)) best = key;
  }
  return best;
}

/// What a helper answers for `host`; empty if it knows nothing.
std::string ask_helper(const std::string& helper, const std::string& host) {
  // Docker keeps its own registry under the name of an interface.
  const std::string name = host == "docker.io" ? "https://index.docker.io/v1/" : host;
  const auto text = output_of({helper, "get"}, {.input = name + "\n"});
  const auto answer = text ? Json::parse(*text) : Result<Json>(text.error());
  if (!answer) {
    LOG(info) << helper << " gives no credentials for " << name << ": " << answer.error().message;
    return {};
  }
  const std::string user = (*answer)["Username"].text();
  if (user == "<token>") {
    LOG(warning) << helper << " has an identity token for " << name
                 << ", which nestp cannot use; log in with a password or access token";
    return {};
  }
  return user.empty() ? user : base64(user + ":" + (*answer)["Secret"].text());
}

}  // namespace

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      text += i <= group.size() ? kDigits[bits >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

Credentials stored_credentials(const std::string& text, const std::string& repository) {
  const auto json = Json::parse(text);
  if (!json) return {};
  const std::string prefix = "docker-credential-";
  const Json helpers = (*json)["credHelpers"];
  if (const std::string key = best_key(helpers, repository); !key.empty()) {
    return {.helper = prefix + helpers[key].text()};
  }
  const Json all = (*json)["auths"];
  if (const std::string key = best_key(all, repository); !key.empty()) {
    const Json entry = all[key];
    if (const std::string basic = entry["auth"].text(); !basic.empty()) return {.basic = basic};
    const std::string user = entry["username"].text();
    if (!user.empty()) return {.basic = base64(user + ":" + entry["password"].text())};
  }
  const std::string store = (*json)["credsStore"].text();
  return store.empty() ? Credentials{} : Credentials{.helper = prefix + store};
}

std::string find_credentials(const std::string& repository) {
  for (const std::string& file : credential_files()) {
    const auto text = read_file(file);
    if (!text) continue;
    const Credentials found = stored_credentials(*text, repository);
    std::string basic = found.helper.empty()
                            ? found.basic
                            : ask_helper(found.helper, repository.substr(0, repository.find('/')));
    if (!basic.empty()) return basic;
  }
  return {};
}

}  // namespace nestp
