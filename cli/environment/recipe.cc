#include "cli/environment/recipe.h"

#include <cstring>

#include "cli/child.h"
#include "cli/environment/commands.h"
#include "fs/fd.h"

namespace nestp::environment {

bool is_recipe(const std::string& source) { return source.ends_with(".recipe"); }

Result<Settings> read_recipe(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return Error{path + ": " + std::strerror(text.error().code())};
  auto recipe = parse_settings(*text);
  if (!recipe) return recipe.error().in(path);
  if (recipe->source.empty()) return Error{path + ": it has no line 'source = IMAGE'"};
  return recipe;
}

Settings with_recipe(Settings of_image, const Settings& recipe) {
  const auto add = [](std::vector<std::string>& all, const std::vector<std::string>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  const auto replace = [](auto& value, const auto& other) {
    if (!other.empty()) value = other;
  };
  add(of_image.binds, recipe.binds);
  add(of_image.read_only, recipe.read_only);
  add(of_image.variables, recipe.variables);
  add(of_image.setup, recipe.setup);
  replace(of_image.entrypoint, recipe.entrypoint);
  replace(of_image.command, recipe.command);
  replace(of_image.directory, recipe.directory);
  replace(of_image.home, recipe.home);
  if (recipe.backend != "auto") of_image.backend = recipe.backend;
  if (!recipe.user.empty()) {
    of_image.user = recipe.user;
    of_image.root = false;
  }
  of_image.root = of_image.root || recipe.root;
  return of_image;
}

Result<> run_setup(const std::string& name, const Settings& settings) {
  for (const std::string& line : settings.setup) {
    const std::vector<std::string> words{"--user", "0:0", "--home",  "private", "--directory",
                                         "/",      name,  "/bin/sh", "-c",      line};
    const int code = run_in_child([&] { return run_enter(words); });
    if (code != 0) {
      return Error{"its setup '" + line + "' ended with status " + std::to_string(code)};
    }
  }
  return Done{};
}

}  // namespace nestp::environment
