# %% [markdown]
# # Bicycles for hire
#
# Who takes a bicycle, when and where: a look at the stations of a town, models of how many are taken,
# and a guess at where they end up. The stations are in `stations.csv`, everything else is made up.

# %% imports
import helpers
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.cluster import AgglomerativeClustering
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.metrics import silhouette_score

# %% settings
DAYS = 366
SEED = 11
TREES = 40
TRIPS = 2_000_000
SAMPLES = 600

# %% [markdown]
# ## The stations

# %% stations
stations = pd.read_csv("stations.csv").rename(columns=helpers.tidy)
stations["distance"] = helpers.kilometres(stations, 52.515, 13.40)

# %% stations_shown
stations.sort_values("distance").head(8)

# %% districts
districts = stations.groupby("district").agg(
    stations=("station", "size"), docks=("docks", "sum"), height=("height", "mean")
)
districts.round(1)

# %% map
figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
for name, part in stations.groupby("district"):
    axes.scatter(part["longitude"], part["latitude"], s=part["docks"] * 2, label=name)
axes.legend(fontsize="small")
axes.set_title("Stations, by docks")
plt.show()

# %% [markdown]
# ## The weather

# %% times
times = helpers.calendar(DAYS)
print(f"{len(times)} times from {times['time'].min():%d %B %Y} to {times['time'].max():%d %B %Y}")

# %% weather
weather = helpers.weather(times, SEED)
weather.describe().round(1)

# %% weather_drawn
daily = weather.set_index("time")["warmth"].resample("D").mean()
figure, axes = plt.subplots(figsize=(7, 2.5), layout="constrained")
axes.plot(daily.index, daily, color="tab:red", linewidth=0.8)
axes.set_ylabel("°C")
plt.show()

# %% [markdown]
# ## The rentals

# %% rentals
rentals = helpers.rentals(stations, weather, SEED)
print(f"{len(rentals):,} rows, {rentals['taken'].sum():,} bicycles taken")

# %% rentals_shown
rentals.sample(6, random_state=SEED)

# %% by_district
by_district = rentals.groupby("district")["taken"].agg(["sum", "mean", "max"])
by_district.sort_values("sum", ascending=False).round(2)

# %% by_hour
by_hour = rentals.assign(weekend=rentals["weekday"] >= 5).pivot_table(
    index="hour", columns="weekend", values="taken", aggfunc="mean"
)
by_hour.columns = ["working day", "weekend"]
by_hour.round(2)

# %% by_hour_drawn
axes = by_hour.plot(figsize=(6, 3), marker="o")
axes.set_ylabel("taken in four hours")
plt.show()

# %% rain_matters
dry = rentals.loc[rentals["rain"] == 0, "taken"].mean()
rainy = rentals.loc[rentals["rain"] > 2, "taken"].mean()
print(f"in the dry {dry:.2f}, in the rain {rainy:.2f}: {1 - rainy / dry:.0%} fewer")

# %% [markdown]
# ## Models

# %% features
COLUMNS = ["morning", "noon", "weekend", "wet", "warmth", "rain", "docks", "height", "distance"]
features = helpers.with_features(rentals)

# %% split
is_late = features["time"] >= features["time"].max() - pd.Timedelta(days=DAYS // 5)
train = features[~is_late].sample(frac=0.5, random_state=SEED)
test = features[is_late]
print(f"{len(train):,} rows to learn from, {len(test):,} to be judged by")

# %% baseline
means = train.groupby(["hour", "weekend"])["taken"].mean()
guess_baseline = means.loc[pd.MultiIndex.from_frame(test[["hour", "weekend"]])].to_numpy()
helpers.error_of(test["taken"], guess_baseline)

# %% ridge
ridge = Ridge(alpha=1.0).fit(train[COLUMNS], train["taken"])
guess_ridge = ridge.predict(test[COLUMNS])
pd.Series(ridge.coef_, COLUMNS).round(3)

# %% forest
forest = RandomForestRegressor(n_estimators=TREES, max_depth=12, random_state=SEED)
forest.fit(train[COLUMNS], train["taken"])
guess_forest = forest.predict(test[COLUMNS])
forest

# %% boosting
boosting = GradientBoostingRegressor(n_estimators=TREES, max_depth=4, random_state=SEED)
boosting.fit(train[COLUMNS], train["taken"])
guess_boosting = boosting.predict(test[COLUMNS])

# %% scores
guesses = {"mean": guess_baseline, "ridge": guess_ridge, "forest": guess_forest, "boosting": guess_boosting}
scores = pd.Series({name: helpers.error_of(test["taken"], guess) for name, guess in guesses.items()})
scores.round(3)

# %% scores_drawn
helpers.bars(scores, "bicycles off")
plt.show()

# %% importance
importance = permutation_importance(
    forest, test[COLUMNS].iloc[::4], test["taken"].iloc[::4], n_repeats=3, random_state=SEED
)
weights = pd.Series(importance.importances_mean, COLUMNS).sort_values()

# %% importance_drawn
helpers.bars(weights, "loss when shuffled")
plt.show()

# %% interval
numbers = np.random.default_rng(SEED)
squares = (test["taken"].to_numpy() - guess_forest) ** 2
means_of_samples = [np.sqrt(numbers.choice(squares, len(squares)).mean()) for _ in range(SAMPLES)]
low, high = np.percentile(means_of_samples, [2.5, 97.5])
print(f"the forest is off by {low:.3f} to {high:.3f}")

# %% [markdown]
# ## Stations that are alike

# %% profiles
profiles = rentals.pivot_table(index="station", columns="hour", values="taken", aggfunc="mean")
profiles = profiles.div(profiles.mean(axis=1), axis=0)
profiles.columns = [f"at {hour}" for hour in profiles.columns]

# %% groups
quality = {}
for count in range(2, 7):
    labels = AgglomerativeClustering(count).fit_predict(profiles)
    quality[count] = silhouette_score(profiles, labels)
best = max(quality, key=quality.get)
groups = pd.Series(AgglomerativeClustering(best).fit_predict(profiles), profiles.index)
print(f"{best} groups, of {', '.join(str(size) for size in sorted(groups.value_counts()))} stations")

# %% [markdown]
# ## Where the bicycles end up

# %% evening
docks = stations["docks"].tolist()
evening = helpers.rounds([count // 2 for count in docks], docks, TRIPS, SEED)
full = [name for name, there, room in zip(stations["station"], evening, docks, strict=True) if there == room]
print(f"{len(full)} of {len(docks)} stations are full")

# %% summary
print(f"best model: {scores.idxmin()}, off by {scores.min():.2f}")
print(f"what counts most: {weights.index[-1]}")
print(f"busiest district: {by_district['sum'].idxmax()}")
